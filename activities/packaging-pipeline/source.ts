import { stat } from 'node:fs/promises';
import { request } from 'undici';
import { PackagingError } from '../../packaging/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import type { StepWork } from './step-runner.ts';

/** Between two signs of life of a server, in milliseconds. */
const SILENCE_MS = 60_000;
const REDIRECTS = 5;

/**
 * The source as a file of the workspace, with the hash that was promised. What comes from a URL is kept in the store
 * first, so that a retry, another worker and the evidence find the same bytes.
 */
export async function sourceFile(work: StepWork, content: ContentStore): Promise<string> {
  const { source_artifact_hash: sha256, source_artifact_url: url } = work.pipeline;
  const path = work.workspace.path('source');
  if ((await stat(path).catch(() => undefined)) !== undefined) return path;
  if (url !== null && (await content.size(sha256)) === undefined) {
    work.log(`fetching ${withoutSecrets(url)}`);
    const { sizeBytes } = await fetchInto(content, url, sha256, work.tools.signal);
    work.log(`${sizeBytes} bytes, SHA-256 as promised`);
  }
  await content.copyTo(sha256, path);
  return path;
}

/** A signed URL carries its right to read in its query. */
export function withoutSecrets(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

async function fetchInto(content: ContentStore, url: string, sha256: string, signal: AbortSignal) {
  let at = url;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const response = await request(at, {
      signal,
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    }).catch((error: unknown) => {
      throw unreachable(at, (error as Error).message, error);
    });
    const { statusCode, headers, body } = response;
    if (statusCode === 200) return content.add(body, sha256);
    await body.dump();
    const location = headers['location'];
    if (statusCode < 300 || statusCode > 399 || typeof location !== 'string')
      throw statusCode >= 500 || statusCode === 429
        ? unreachable(at, `it answered ${statusCode}`)
        : new PackagingError('source-refused', `${withoutSecrets(at)} answered ${statusCode}`, {
            reason: 'not-found',
          });
    const next = new URL(location, at);
    if (!/^https?:$/.test(next.protocol) || (next.protocol === 'http:' && at.startsWith('https:')))
      throw new PackagingError('source-refused', `${withoutSecrets(at)} leads to ${next.protocol} instead`, {
        reason: 'redirect',
      });
    at = next.href;
  }
  throw new PackagingError('source-refused', `${withoutSecrets(url)} leads on and on`, {
    reason: 'redirect',
  });
}

const unreachable = (url: string, why: string, cause?: unknown): PackagingError =>
  new PackagingError('unreachable', `${withoutSecrets(url)} cannot be fetched: ${why}`, { cause });
