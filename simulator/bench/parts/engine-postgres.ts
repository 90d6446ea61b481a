import { join } from 'node:path';
import { ensurePostgres, type RunningPostgres, startPostgres } from '../../../cli/engines/postgres.ts';
import { step } from '../../../cli/engines/progress.ts';
import type { BenchContext } from '../bench.ts';
import { freePorts } from './scratch.ts';

/** A Postgres for an engine's own state, as durable as in production and without the platform's schema. */
export async function startEnginePostgres(
  { progress, cleanup, signal }: BenchContext,
  folder: string,
): Promise<RunningPostgres> {
  const binaries = await ensurePostgres(progress);
  const [port = 0] = await freePorts(1);
  const running = await step(progress, 'Starting Temporal’s Postgres', () =>
    startPostgres({
      binaries,
      dataDir: join(folder, 'engine-postgres', 'data'),
      logFile: join(folder, 'engine-postgres', 'postgres.log'),
      port,
      settings: { shared_buffers: '256MB' },
      signal,
    }),
  );
  cleanup.add(() => running.stop());
  return running;
}
