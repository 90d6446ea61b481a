import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import {
  DEFAULT_LIMITS,
  ensureDevelopmentKeys,
  PackagingError,
  readSigningKeys,
  signingKeyProblems,
  type ToolContext,
  type ToolSettings,
} from '../../packaging/index.ts';
import type { Logger } from '../../runtime/logger.ts';
import { packagingFolder, packagingPlaces } from './settings.ts';

const DAY_MS = 86_400_000;

export interface KeysOptions {
  readonly config: Config;
  readonly settings: ToolSettings;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Runs tools in a folder that is gone afterwards. */
async function withTools<T>(
  { config, settings, logger, signal }: KeysOptions,
  use: (ctx: ToolContext) => Promise<T>,
): Promise<T> {
  const folder = packagingFolder(config);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const workspace = await mkdtemp(join(folder, 'keys-'));
  try {
    const log = (line: string): void => logger.debug({ line }, 'Looking at keys');
    const progress = (): void => undefined;
    return await use({ workspace, signal, log, progress, limits: DEFAULT_LIMITS, settings });
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

/**
 * Where no list of signing keys is configured, keys of this installation's own are made, once. Nobody else trusts
 * them. A machine without the programs for it can still do all that needs no keys.
 */
export async function ensureSigningKeys(options: KeysOptions): Promise<void> {
  const { config, logger, signal } = options;
  if (config.EUCORA_SIGNING_KEYS_FILE !== undefined) return;
  try {
    await withTools(options, (ctx) => ensureDevelopmentKeys(ctx, packagingFolder(config)));
  } catch (error) {
    signal.throwIfAborted();
    logger.warn({ err: error }, 'Keys for development could not be made: packages cannot be signed');
  }
}

/** Warns of keys that cannot sign, and of those that end soon; now and once a day, until the worker stops. */
export async function watchSigningKeys(options: KeysOptions, everyMs = DAY_MS): Promise<void> {
  const { signal } = options;
  await warnOfKeys(options);
  const timer = setInterval(() => void warnOfKeys(options), everyMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

async function warnOfKeys(options: KeysOptions): Promise<void> {
  const { config, logger, signal } = options;
  try {
    const keys = await readSigningKeys(packagingPlaces(config).signingKeys);
    const problems = await withTools(options, (ctx) => signingKeyProblems(ctx, keys));
    for (const problem of problems) logger.warn(problem);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof PackagingError) logger.warn(error.message);
    else logger.warn({ err: error }, 'Signing keys could not be looked at');
  }
}
