import { join } from 'node:path';
import { ensurePostgres, type RunningPostgres, startPostgres } from '../../../cli/engines/postgres.ts';
import { step } from '../../../cli/engines/progress.ts';
import { parseConfig } from '../../../contracts/config.ts';
import { type Database, openDatabase } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { createStores, type Stores } from '../../../db/stores/index.ts';
import type { BenchContext } from '../bench.ts';
import { freePorts } from './scratch.ts';

/** A Postgres of the bench's own, as durable as in production, with the platform's schema. */
export interface BenchPostgres extends Database {
  readonly running: RunningPostgres;
  readonly url: string;
  readonly stores: Stores;
}

/**
 * @param folder where its data goes
 * @param settings laid over the embedded stack's, as in postgresql.conf
 */
export async function startBenchPostgres(
  context: BenchContext,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchPostgres> {
  const { progress, cleanup, signal } = context;
  const binaries = await ensurePostgres(progress);
  const [port = 0] = await freePorts(1);
  const running = await step(progress, 'Starting Postgres', () =>
    startPostgres({
      binaries,
      dataDir: join(folder, 'postgres', 'data'),
      logFile: join(folder, 'postgres', 'postgres.log'),
      port,
      settings,
      signal,
    }),
  );
  cleanup.add(() => running.stop());
  const database = openDatabase({ url: running.url, poolSize: 6, applicationName: 'eucora-bench' });
  cleanup.add(() => database.close());
  await migrate(database.pool);
  const config = parseConfig({ DATABASE_URL: running.url, EUCORA_DATA_DIR: folder });
  const stores = createStores(database, config);
  await stores.maintenance.ensurePartitions();
  return { ...database, running, url: running.url, stores };
}
