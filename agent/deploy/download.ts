import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import type { ArtifactReference } from '../../contracts/agent-task/payload.ts';
import { type Logger, messageOf } from '../log.ts';
import { Backoff, type BackoffOptions } from '../protocol/backoff.ts';
import { PlatformError, platformError, UnreachableError, verdictOf } from '../protocol/errors.ts';
import { PRIVATE_FILE } from '../storage/files.ts';
import { sleep } from '../timing.ts';

export interface DownloadOptions {
  readonly directory: string;
  /** URL of the platform; what lies there is fetched under the agent's certificate. */
  readonly server: string;
  readonly platform: () => Dispatcher;
  /** For everything that lies elsewhere: never shown the agent's certificate. */
  readonly elsewhere: () => Dispatcher;
  readonly log: Logger;
  readonly backoff?: BackoffOptions;
  /** Attempts in a row that bring no byte before the download is given up. */
  readonly maxFruitlessAttempts?: number;
}

export type OnProgress = (bytes: number, total: number | undefined) => void;

/** The artifact is not what the task names; trying again will not change that. */
class WrongArtifact extends Error {}

/** Where an artifact lies: at its URL, resolved against the platform, or in the platform's store. */
export function artifactUrl(artifact: ArtifactReference, server: string): URL {
  const base = server.endsWith('/') ? server : `${server}/`;
  const url = new URL(artifact.url ?? `api/v1/artifacts/${artifact.sha256}`, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new WrongArtifact(`Artifacts are fetched by https or http, not by ${url.protocol}`);
  }
  return url;
}

/** Fetches artifacts; what was cut off is resumed, and nothing that fails its hash is ever handed on. */
export class Downloader {
  readonly #options: DownloadOptions;

  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  /**
   * Downloads into the private folder and gives the file's path; the caller removes it.
   * @throws Error saying what is wrong: hash, size, refused, or given up
   */
  async fetch(artifact: ArtifactReference, signal: AbortSignal, onProgress: OnProgress): Promise<string> {
    const { directory, server, log, maxFruitlessAttempts = 6 } = this.#options;
    const url = artifactUrl(artifact, server);
    const part = join(directory, `${artifact.sha256}.part`);
    const backoff = new Backoff({ capMs: 60_000, ...this.#options.backoff });
    for (let fruitless = 0; ; ) {
      signal.throwIfAborted();
      const before = await sizeOf(part);
      try {
        await this.#transfer(url, part, artifact, signal, onProgress);
        const whole = join(directory, artifact.sha256);
        await rename(part, whole);
        return whole;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof WrongArtifact || verdictOf(error) === 'refused' || !isTransient(error)) {
          await rm(part, { force: true });
          const what = error instanceof WrongArtifact ? 'was refused' : 'could not be fetched';
          throw new Error(`The artifact ${what}: ${messageOf(error)}`);
        }
        fruitless = (await sizeOf(part)) > before ? 0 : fruitless + 1;
        if (fruitless >= maxFruitlessAttempts) {
          throw new Error(`The download was given up after ${fruitless} attempts: ${messageOf(error)}`);
        }
        if (fruitless === 0) backoff.reset();
        const waitMs = backoff.next(error instanceof PlatformError ? error.retryAfterMs : 0);
        log.warn('The download was cut off and will be resumed', { error, retry_in_ms: waitMs });
        await sleep(waitMs, signal);
      }
    }
  }

  async #transfer(
    url: URL,
    part: string,
    artifact: ArtifactReference,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<void> {
    const have = await sizeOf(part);
    const answer = await this.#request(url, have, signal);
    const resumed = answer.statusCode === 206 && contentStart(answer.headers['content-range']) === have;
    if (answer.statusCode !== 200 && !resumed) {
      // What is here does not go together with what is there: begin anew.
      answer.body.on('error', () => undefined).destroy();
      await rm(part, { force: true });
      throw new UnreachableError('The download cannot be resumed and begins anew');
    }
    const hash = createHash('sha256');
    if (resumed) await feed(hash, part);
    const size = await this.#store(answer, part, resumed ? have : 0, hash, artifact, onProgress);
    const actual = hash.digest('hex');
    const wrong =
      artifact.size_bytes !== undefined && size !== artifact.size_bytes
        ? `it has ${size} bytes, not ${artifact.size_bytes}`
        : actual === artifact.sha256
          ? undefined
          : `its SHA-256 is ${actual}, not ${artifact.sha256}`;
    if (wrong === undefined) return;
    if (!resumed) throw new WrongArtifact(`${wrong}; nothing was installed`);
    // The fault may lie in the part that was here before: only a download in one piece is believed.
    await rm(part, { force: true });
    throw new UnreachableError(`The resumed download is wrong (${wrong}) and begins anew`);
  }

  async #request(url: URL, have: number, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const dispatcher =
      url.origin === new URL(this.#options.server).origin
        ? this.#options.platform()
        : this.#options.elsewhere();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'GET',
        // Another coding would make other bytes than those that were hashed.
        headers: { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
        signal,
      });
    } catch (error) {
      throw new UnreachableError('No answer', { cause: error });
    }
    if ([200, 206, 416].includes(answer.statusCode)) return answer;
    const text = await answer.body.text().catch(() => '');
    const retryAfter = answer.headers['retry-after'];
    throw platformError(answer.statusCode, text, typeof retryAfter === 'string' ? retryAfter : undefined);
  }

  async #store(
    answer: Dispatcher.ResponseData,
    part: string,
    from: number,
    hash: Hash,
    artifact: ArtifactReference,
    onProgress: OnProgress,
  ): Promise<number> {
    const file = await open(part, from > 0 ? 'a' : 'w', PRIVATE_FILE);
    let size = from;
    try {
      const length = Number(answer.headers['content-length']);
      const total = artifact.size_bytes ?? (Number.isFinite(length) ? from + length : undefined);
      for await (const chunk of cutTolerant(answer.body)) {
        size += chunk.length;
        if (artifact.size_bytes !== undefined && size > artifact.size_bytes) {
          throw new WrongArtifact(
            `it is larger than its ${artifact.size_bytes} bytes; nothing was installed`,
          );
        }
        hash.update(chunk);
        await file.writeFile(chunk);
        onProgress(size, total);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return size;
  }
}

/** Errors of the network, told apart from those of the disk. */
async function* cutTolerant(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const parts = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<Buffer>;
      try {
        next = await parts.next();
      } catch (error) {
        throw new UnreachableError('The connection was cut', { cause: error });
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await parts.return?.();
  }
}

const isTransient = (error: unknown): boolean =>
  error instanceof UnreachableError || (error instanceof PlatformError && verdictOf(error) !== 'refused');

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

const contentStart = (header: string | string[] | undefined): number =>
  Number(/^bytes (\d+)-/.exec(typeof header === 'string' ? header : '')?.[1] ?? Number.NaN);

async function feed(hash: Hash, path: string): Promise<void> {
  for await (const chunk of createReadStream(path)) hash.update(chunk);
}
