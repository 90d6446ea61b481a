import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import { DEFAULT_LIMITS, ensureDevelopmentKeys, type ToolSettings } from '../../packaging/index.ts';
import type { Logger } from '../../runtime/logger.ts';
import { packagingFolder } from './settings.ts';

/**
 * Where no list of signing keys is configured, keys of this installation's own are made, once. Nobody else trusts
 * them. A machine without the programs for it can still do all that needs no keys.
 */
export async function ensureSigningKeys(
  config: Config,
  settings: ToolSettings,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (config.EUCORA_SIGNING_KEYS_FILE !== undefined) return;
  const folder = packagingFolder(config);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const workspace = await mkdtemp(join(folder, 'keys-'));
  try {
    const log = (line: string): void => logger.debug({ line }, 'Making development keys');
    const progress = (): void => undefined;
    await ensureDevelopmentKeys(
      { workspace, signal, log, progress, limits: DEFAULT_LIMITS, settings },
      folder,
    );
  } catch (error) {
    signal.throwIfAborted();
    logger.warn({ err: error }, 'Keys for development could not be made: packages cannot be signed');
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}
