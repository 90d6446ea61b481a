import { stat } from 'node:fs/promises';
import { type Dispatcher, request } from 'undici';
import { PackagingError } from '../../packaging/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import { AllowedHosts, guardedAgent, InternalAddressError } from '../../runtime/network/guarded-agent.ts';
import type { StepWork } from './step-runner.ts';

/** Between two signs of life of a server, in milliseconds. */
const SILENCE_MS = 60_000;
const REDIRECTS = 5;

/** Where sources are fetched from. */
export class Sources {
  readonly #content: ContentStore;
  readonly #dispatcher: Dispatcher;

  /** @param allowed hosts, addresses and CIDR blocks inside the network that sources may come from */
  constructor(content: ContentStore, allowed: readonly string[]) {
    this.#content = content;
    this.#dispatcher = guardedAgent(new AllowedHosts(allowed));
  }

  /**
   * The source as a file of the workspace, with the hash that was promised. What comes from a URL is kept in the store
   * first, so that a retry, another worker and the evidence find the same bytes.
   */
  async file(work: StepWork): Promise<string> {
    const { source_artifact_hash: sha256, source_artifact_url: url } = work.pipeline;
    const path = work.workspace.path('source');
    if ((await stat(path).catch(() => undefined)) !== undefined) return path;
    if (url !== null && (await this.#content.size(sha256)) === undefined) {
      work.log(`fetching ${withoutSecrets(url)}`);
      const { sizeBytes } = await this.#fetch(url, sha256, work.tools.signal);
      work.log(`${sizeBytes} bytes, SHA-256 as promised`);
    }
    await this.#content.copyTo(sha256, path);
    return path;
  }

  async #fetch(url: string, sha256: string, signal: AbortSignal): Promise<{ sizeBytes: number }> {
    let at = url;
    for (let hop = 0; hop <= REDIRECTS; hop += 1) {
      const response = await request(at, {
        dispatcher: this.#dispatcher,
        signal,
        headersTimeout: SILENCE_MS,
        bodyTimeout: SILENCE_MS,
      }).catch((error: unknown) => {
        throw failedToFetch(at, error);
      });
      const { statusCode, headers, body } = response;
      if (statusCode === 200) return this.#content.add(body, sha256);
      await body.dump();
      const location = headers['location'];
      if (statusCode < 300 || statusCode > 399 || typeof location !== 'string')
        throw statusCode >= 500 || statusCode === 429
          ? unreachable(at, `it answered ${statusCode}`)
          : new PackagingError('source-refused', `${withoutSecrets(at)} answered ${statusCode}`, {
              reason: 'not-found',
            });
      const next = URL.canParse(location, at) ? new URL(location, at) : undefined;
      if (next === undefined)
        throw new PackagingError('source-refused', `${withoutSecrets(at)} leads to what is no URL`, {
          reason: 'redirect',
        });
      if (!/^https?:$/.test(next.protocol) || (next.protocol === 'http:' && at.startsWith('https:')))
        throw new PackagingError(
          'source-refused',
          `${withoutSecrets(at)} leads to ${next.protocol} instead`,
          {
            reason: 'redirect',
          },
        );
      at = next.href;
    }
    throw new PackagingError('source-refused', `${withoutSecrets(url)} leads on and on`, {
      reason: 'redirect',
    });
  }
}

/** A signed URL carries its right to read in its query. */
export function withoutSecrets(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

function failedToFetch(url: string, error: unknown): PackagingError {
  if (error instanceof InternalAddressError)
    return new PackagingError(
      'source-refused',
      `${withoutSecrets(url)}: ${error.message}. Sources inside the network must be allowed by name, address or range in EUCORA_SOURCE_ALLOWED_HOSTS of the packaging workers; or upload the artifact`,
      { reason: 'internal-address', cause: error },
    );
  return unreachable(url, (error as Error).message, error);
}

const unreachable = (url: string, why: string, cause?: unknown): PackagingError =>
  new PackagingError('unreachable', `${withoutSecrets(url)} cannot be fetched: ${why}`, { cause });
