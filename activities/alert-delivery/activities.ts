import { createHmac } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { request } from 'undici';
import type { AlertStore } from '../../db/stores/agent-presence/alert-store.ts';

export interface Webhook {
  readonly url: string;
  /** Signs each delivery: `X-Eucora-Signature: sha256=<hex of HMAC-SHA256 over the body>`. */
  readonly secret?: string | undefined;
}

const TIMEOUT_MS = 10_000;

export type AlertDeliveryActivities = ReturnType<typeof alertDeliveryActivities>;

export function alertDeliveryActivities(
  alerts: Pick<AlertStore, 'findBatch' | 'noteAttempt' | 'giveUp'>,
  webhook: Webhook | undefined,
) {
  return {
    /** One attempt; throws so that Temporal tries again. A receiver may get an alert twice: `id` tells. */
    async deliverAlerts(batch: string): Promise<void> {
      if (webhook === undefined)
        throw ApplicationFailure.nonRetryable('No webhook is configured any more', 'NoWebhook');
      const found = await alerts.findBatch(batch);
      if (found.length === 0) return;
      const body = JSON.stringify({ alerts: found });
      try {
        await post(webhook, body, Context.current().cancellationSignal);
      } catch (error) {
        await alerts.noteAttempt(batch, (error as Error).message);
        throw error;
      }
      await alerts.noteAttempt(batch, null);
    },
    async giveUpAlerts(batch: string, reason: string): Promise<void> {
      await alerts.giveUp(batch, reason);
    },
  };
}

/** Sends JSON, signed where a secret is set. @throws Error unless the receiver takes it */
export async function post(webhook: Webhook, body: string, signal: AbortSignal): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (webhook.secret !== undefined) {
    headers['x-eucora-signature'] =
      `sha256=${createHmac('sha256', webhook.secret).update(body).digest('hex')}`;
  }
  const response = await request(webhook.url, {
    method: 'POST',
    headers,
    body,
    signal,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  await response.body.dump();
  if (response.statusCode < 200 || response.statusCode > 299)
    throw new Error(`The webhook answered ${response.statusCode}`);
}
