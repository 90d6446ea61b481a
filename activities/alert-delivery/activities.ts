import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AlertStore } from '../../db/stores/agent-presence/alert-store.ts';
import { allAlive } from '../alive.ts';
import { postSigned, type Webhook } from './webhook.ts';

export type AlertDeliveryActivities = ReturnType<typeof alertDeliveryActivities>;

export function alertDeliveryActivities(
  alerts: Pick<AlertStore, 'findBatch' | 'noteAttempt' | 'giveUp'>,
  webhook: Webhook | undefined,
) {
  return allAlive({
    /** One attempt; throws so that Temporal tries again. A receiver may get an alert twice: `id` tells. */
    async deliverAlerts(batch: string): Promise<void> {
      if (webhook === undefined)
        throw ApplicationFailure.nonRetryable('No webhook is configured any more', 'NoWebhook');
      const found = await alerts.findBatch(batch);
      if (found.length === 0) return;
      const body = JSON.stringify({ alerts: found });
      try {
        await postSigned(webhook, body, Context.current().cancellationSignal);
      } catch (error) {
        await alerts.noteAttempt(batch, (error as Error).message);
        throw error;
      }
      await alerts.noteAttempt(batch, null);
    },
    async giveUpAlerts(batch: string, reason: string): Promise<void> {
      await alerts.giveUp(batch, reason);
    },
  });
}
