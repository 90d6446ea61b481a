import { open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import type { ArtifactReference } from '../../contracts/agent-task/payload.ts';
import { type Logger, messageOf } from '../log.ts';
import { Backoff, type BackoffOptions } from '../protocol/backoff.ts';
import { MAX_ERROR_BODY_BYTES, textWithin } from '../protocol/body.ts';
import { PlatformError, platformError, UnreachableError, verdictOf } from '../protocol/errors.ts';
import { PRIVATE_FILE, sha256OfFile } from '../storage/files.ts';
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
  /** Of one artifact, whatever the server or the task says. */
  readonly maxBytes: number;
  /** Room on the disk of the folder; tests tell another. */
  readonly freeBytes?: (directory: string) => Promise<number>;
  /** Attempts in a row that bring no byte before the download is given up. */
  readonly maxFruitlessAttempts?: number;
}

export interface Fetch {
  readonly artifact: ArtifactReference;
  /** Two tasks may fetch one artifact at the same time, each into a file of its own. */
  readonly taskId: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export type OnProgress = (bytes: number, total: number | undefined) => void;

/** The artifact is not what the task names; trying again will not change that. */
class WrongArtifact extends Error {}

/** Left free for the queue and the journal, which must go on. */
const RESERVE_BYTES = 67_108_864;
/** How often the room is looked at while it is filled. */
const CHECK_EVERY_BYTES = 16_777_216;

async function freeBytesOf(directory: string): Promise<number> {
  const volume = await statfs(directory).catch(() => undefined);
  return volume === undefined ? Number.POSITIVE_INFINITY : volume.bavail * volume.bsize;
}

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
  /** Parts that are being written just now. */
  readonly #active = new Set<string>();

  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  /**
   * Downloads into the private folder and gives the file's path; the caller removes it.
   * @throws Error saying what is wrong: hash, size, no room, refused, or given up
   */
  async fetch(wanted: Fetch): Promise<string> {
    const { artifact, taskId, signal } = wanted;
    const { directory, server } = this.#options;
    const url = artifactUrl(artifact, server);
    const whole = join(directory, `${artifact.sha256}.${taskId}`);
    const part = `${whole}.part`;
    this.#active.add(part);
    try {
      await this.#adopt(artifact.sha256, part);
      await this.#insist(url, part, wanted);
      await rename(part, whole);
      return whole;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      this.#active.delete(part);
    }
  }

  /** Goes on with what another task has left of the same artifact. */
  async #adopt(sha256: string, part: string): Promise<void> {
    if ((await stat(part).catch(() => undefined)) !== undefined) return;
    const { directory } = this.#options;
    const left = (await readdir(directory)).find(
      (name) =>
        name.startsWith(`${sha256}.`) && name.endsWith('part') && !this.#active.has(join(directory, name)),
    );
    if (left !== undefined) await rename(join(directory, left), part).catch(() => undefined);
  }

  /** Transfers, resuming what was cut off, until the artifact is whole or there is no sense in it. */
  async #insist(url: URL, part: string, wanted: Fetch): Promise<void> {
    const { log, maxFruitlessAttempts = 6 } = this.#options;
    const { signal } = wanted;
    const backoff = new Backoff({ capMs: 60_000, ...this.#options.backoff });
    for (let fruitless = 0; ; ) {
      signal.throwIfAborted();
      const before = await sizeOf(part);
      try {
        return await this.#transfer(url, part, wanted);
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

  async #transfer(url: URL, part: string, wanted: Fetch): Promise<void> {
    const { artifact, signal } = wanted;
    this.#checkSize(artifact.size_bytes ?? 0);
    const have = await sizeOf(part);
    const answer = await this.#request(url, have, signal);
    const resumed = answer.statusCode === 206 && contentStart(answer.headers['content-range']) === have;
    if (answer.statusCode !== 200 && !resumed) {
      // What is here does not go together with what is there: begin anew.
      answer.body.on('error', () => undefined).destroy();
      await rm(part, { force: true });
      throw new UnreachableError('The download cannot be resumed and begins anew');
    }
    const size = await this.#store(answer, part, resumed ? have : 0, wanted);
    const wrong = await this.#flawOf(part, size, artifact);
    if (wrong === undefined) return;
    if (!resumed) throw new WrongArtifact(`${wrong}; nothing was installed`);
    // The fault may lie in the part that was here before: only a download in one piece is believed.
    await rm(part, { force: true });
    throw new UnreachableError(`The resumed download is wrong (${wrong}) and begins anew`);
  }

  /** What is wrong with the file as it lies on the disk, which is what will be installed. */
  async #flawOf(part: string, size: number, artifact: ArtifactReference): Promise<string | undefined> {
    if (artifact.size_bytes !== undefined && size !== artifact.size_bytes) {
      return `it has ${size} bytes, not ${artifact.size_bytes}`;
    }
    const actual = await sha256OfFile(part);
    return actual === artifact.sha256 ? undefined : `its SHA-256 is ${actual}, not ${artifact.sha256}`;
  }

  #checkSize(bytes: number): void {
    const { maxBytes } = this.#options;
    if (bytes <= maxBytes) return;
    throw new WrongArtifact(
      `it is larger than ${maxBytes} bytes (EUCORA_AGENT_ARTIFACT_MAX_BYTES); nothing was installed`,
    );
  }

  async #checkRoom(bytes: number): Promise<void> {
    const { directory, freeBytes = freeBytesOf } = this.#options;
    const free = await freeBytes(directory);
    if (free >= bytes + RESERVE_BYTES) return;
    throw new WrongArtifact(
      `the disk has no room for it (${free} bytes free, ${bytes} more needed, ${RESERVE_BYTES} are kept free)`,
    );
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
    const text = (await textWithin(answer.body, MAX_ERROR_BODY_BYTES).catch(() => undefined)) ?? '';
    const retryAfter = answer.headers['retry-after'];
    throw platformError(answer.statusCode, text, typeof retryAfter === 'string' ? retryAfter : undefined);
  }

  async #store(
    answer: Dispatcher.ResponseData,
    part: string,
    from: number,
    { artifact, onProgress }: Fetch,
  ): Promise<number> {
    const length = Number(answer.headers['content-length']);
    const total = artifact.size_bytes ?? (Number.isFinite(length) ? from + length : undefined);
    const parts = cutTolerant(answer.body);
    let size = from;
    let checked = from;
    try {
      this.#checkSize(total ?? 0);
      await this.#checkRoom((total ?? from) - from);
      const file = await open(part, from > 0 ? 'a' : 'w', PRIVATE_FILE);
      try {
        for await (const chunk of parts) {
          size += chunk.length;
          if (artifact.size_bytes !== undefined && size > artifact.size_bytes) {
            throw new WrongArtifact(
              `it is larger than its ${artifact.size_bytes} bytes; nothing was installed`,
            );
          }
          this.#checkSize(size);
          await file.writeFile(chunk);
          if (size - checked > CHECK_EVERY_BYTES) {
            checked = size;
            await this.#checkRoom(0);
          }
          onProgress(size, total);
        }
        await file.sync();
      } finally {
        await file.close();
      }
    } finally {
      answer.body.on('error', () => undefined).destroy();
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
