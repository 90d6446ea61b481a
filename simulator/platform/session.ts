import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Progress } from '../../cli/engines/progress.ts';
import { step } from '../../cli/engines/progress.ts';
import { type Database, openDatabase } from '../../db/database.ts';
import { openClient } from '../../runtime/temporal.ts';
import type { Cleanup } from '../bench/cleanup.ts';
import { Evidence } from '../evidence/evidence.ts';
import type { SimulationOptions } from '../options.ts';
import { Operator } from './operator.ts';
import { type SimulatedPlatform, startSimulatedPlatform } from './platform.ts';

/** Of the embedded Temporal. */
export const NAMESPACE = 'default';

/** The platform of a run, and every way into it. */
export interface Session {
  readonly platform: SimulatedPlatform;
  readonly operator: Operator;
  readonly database: Database;
  readonly pool: Pool;
  readonly evidence: Evidence;
  readonly client: Client;
}

export async function openSession(
  options: SimulationOptions & { readonly dataDir: string },
  progress: Progress,
  signal: AbortSignal,
  cleanup: Cleanup,
): Promise<Session> {
  const platform = await startSimulatedPlatform(options, progress, signal);
  const { running } = platform;
  cleanup.add(() => step(progress, 'Stopping the platform', () => running.stop()));
  const operator = await Operator.of(running);
  cleanup.add(() => operator.close());
  const database = openDatabase({ url: running.databaseUrl, poolSize: 6, applicationName: 'simulator' });
  cleanup.add(() => database.close());
  const { client, connection } = openClient({
    connection: { address: running.endpoints.temporal_address },
    namespace: NAMESPACE,
  });
  cleanup.add(() => connection.close());
  const { pool } = database;
  return { platform, operator, database, pool, evidence: new Evidence(pool), client };
}
