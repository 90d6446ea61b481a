import { createHmac } from 'node:crypto';
import { request } from 'undici';

export interface Webhook {
  readonly url: string;
  /** Signs each delivery: `X-Eucora-Signature: sha256=<hex of HMAC-SHA256 over the body>`. */
  readonly secret?: string | undefined;
}

const TIMEOUT_MS = 10_000;

/** One delivery of JSON; throws unless the receiver answers with 2xx. */
export async function postSigned(webhook: Webhook, body: string, signal: AbortSignal): Promise<void> {
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
