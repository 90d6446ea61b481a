import { join } from 'node:path';
import { cacheDirectory, hostFacts } from '../engines/cache.ts';
import { makeDirectory, writeAtomically } from '../engines/files.ts';
import { ensurePostgres, type RunningPostgres, startPostgres } from '../engines/postgres.ts';
import type { Progress } from '../engines/progress.ts';
import type { LaunchHooks } from '../engines/running.ts';
import { ensureTemporalCli, type RunningTemporal, startTemporalDev } from '../engines/temporal.ts';
import { type Environment, setting } from './environment.ts';
import { rotateLog } from './logs.ts';
import type { DataLayout } from './paths.ts';

/** Prepares Postgres and returns the function that starts it, at first and after every death. */
export async function postgresLauncher(options: {
  readonly layout: DataLayout;
  readonly progress: Progress;
  readonly settings: Readonly<Record<string, string>>;
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
}): Promise<(port: number, hooks: LaunchHooks) => Promise<RunningPostgres>> {
  const { layout, progress, settings, env, signal } = options;
  const binaries = await ensurePostgres(progress, { root: cacheDirectory(hostFacts(env)), signal });
  return async (port, hooks) => {
    const logFile = join(layout.logs, 'postgres.log');
    await rotateLog(logFile);
    return startPostgres({
      binaries,
      dataDir: layout.postgres,
      port,
      logFile,
      progress,
      settings,
      ...hooks,
    });
  };
}

/** Prepares Temporal's development server and returns the function that starts it. */
export async function temporalLauncher(options: {
  readonly layout: DataLayout;
  readonly progress: Progress;
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
}): Promise<(port: number, uiPort: number, hooks: LaunchHooks) => Promise<RunningTemporal>> {
  const { layout, progress, env, signal } = options;
  const root = cacheDirectory(hostFacts(env));
  const binary = await ensureTemporalCli(progress, { env, signal, root });
  await makeDirectory(layout.temporal, 0o700);
  await writeAtomically(join(layout.temporal, 'client.toml'), '');
  return async (port, uiPort, hooks) => {
    const logFile = join(layout.logs, 'temporal.log');
    await rotateLog(logFile);
    return startTemporalDev({
      binary,
      dbFile: join(layout.temporal, 'temporal.db'),
      port,
      uiPort,
      logFile,
      namespace: setting(env, 'TEMPORAL_NAMESPACE'),
      ...hooks,
    });
  };
}
