import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { z } from 'zod';
import { EngineError, messageOf } from './errors.ts';

const infoSchema = z.object({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

// Where Temporal's SDKs fetch their development and test servers.
const DOWNLOADS = 'https://temporal.download';

export interface TemporalDownload {
  readonly artifact: 'cli' | 'temporal-test-server';
  /** 'v1.5.1', or 'default' for what Temporal recommends. */
  readonly version: string;
  /** An existing folder; the program is put there under its own name. */
  readonly folder: string;
  readonly base?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the first answer; without a network this is what a start loses. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds without a further byte. Default 15,000. */
  readonly stallTimeoutMs?: number;
  readonly onBytes?: (received: number, total: number | undefined) => void;
}

const PLATFORMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Aborts when it is not fed for a while. */
function watchdog(
  timeoutMs: number,
  outer: AbortSignal | undefined,
): { signal: AbortSignal; feed(): void; end(): void } {
  const controller = new AbortController();
  const bark = (): void => controller.abort(new EngineError(`nothing was received for ${timeoutMs} ms`));
  const onOuter = (): void => controller.abort(outer?.reason);
  let timer = setTimeout(bark, timeoutMs);
  outer?.addEventListener('abort', onOuter);
  if (outer?.aborted === true) onOuter();
  return {
    signal: controller.signal,
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(bark, timeoutMs);
    },
    end: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', onOuter);
    },
  };
}

function infoUrl(options: TemporalDownload): string {
  const platform = PLATFORMS[process.platform];
  const arch = ARCHITECTURES[process.arch];
  if (platform === undefined || arch === undefined) {
    throw new EngineError(`there is no Temporal program for ${process.platform}-${process.arch} to download`);
  }
  const url = new URL(`${options.base ?? DOWNLOADS}/${options.artifact}/${options.version}`);
  url.search = new URLSearchParams({ platform, arch, format: 'tar.gz' }).toString();
  return url.href;
}

/** TLS alone vouches for the archive: an address asked over https must not lead to one without. */
export function assertNoDowngrade(asked: string, archiveUrl: string): void {
  if (new URL(asked).protocol !== 'https:' || new URL(archiveUrl).protocol === 'https:') return;
  throw new EngineError(`${asked} names an archive without TLS: ${archiveUrl}`);
}

async function receive(options: TemporalDownload, dispatcher: EnvHttpProxyAgent): Promise<string> {
  const connecting = watchdog(options.connectTimeoutMs ?? 10_000, options.signal);
  let info: z.infer<typeof infoSchema>;
  try {
    const answer = await fetch(infoUrl(options), { dispatcher, signal: connecting.signal });
    if (!answer.ok) throw new EngineError(`${answer.url} answered ${answer.status}`);
    info = infoSchema.parse(await answer.json());
  } finally {
    connecting.end();
  }
  assertNoDowngrade(options.base ?? DOWNLOADS, info.archiveUrl);
  const stalling = watchdog(options.stallTimeoutMs ?? 15_000, options.signal);
  const archive = join(options.folder, '.download.tar.gz');
  try {
    const answer = await fetch(info.archiveUrl, { dispatcher, signal: stalling.signal });
    if (!answer.ok || answer.body === null) throw new EngineError(`${answer.url} answered ${answer.status}`);
    const length = answer.headers.get('content-length');
    const total = length === null ? undefined : Number(length);
    let received = 0;
    const body = Readable.fromWeb(answer.body);
    body.on('data', (chunk: Uint8Array) => {
      stalling.feed();
      received += chunk.byteLength;
      options.onBytes?.(received, total);
    });
    await pipeline(body, createWriteStream(archive), { signal: stalling.signal });
    if (total !== undefined && received !== total) {
      throw new EngineError(`the download was cut after ${received} of ${total} bytes`);
    }
  } catch (error) {
    // Else it says only that something was aborted.
    stalling.signal.throwIfAborted();
    throw error;
  } finally {
    stalling.end();
  }
  const wanted = info.fileToExtract;
  await extract({
    file: archive,
    cwd: options.folder,
    strict: true,
    strip: wanted.split('/').length - 1,
    filter: (path) => path.replace(/^\.\//, '') === wanted,
  });
  const program = join(options.folder, wanted.split('/').at(-1) ?? wanted);
  const found = await stat(program).catch(() => undefined);
  if (found === undefined || found.size === 0) throw new EngineError(`the archive holds no ${wanted}`);
  return program;
}

/**
 * Fetches one of Temporal's programs the way its SDKs do, but with limits to the time spent where there is no way
 * out, and returns its path. @throws EngineError saying why not; the caller throws the folder away.
 */
export async function downloadTemporal(options: TemporalDownload): Promise<string> {
  const dispatcher = new EnvHttpProxyAgent();
  try {
    return await receive(options, dispatcher);
  } catch (error) {
    options.signal?.throwIfAborted();
    const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
    throw new EngineError(`download failed: ${messageOf(error)}${cause}`, { cause: error });
  } finally {
    await dispatcher.destroy().catch(() => undefined);
  }
}
