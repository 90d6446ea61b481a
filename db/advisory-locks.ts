import type { PoolClient } from 'pg';

/**
 * Numbers of what is done by one at a time, over all processes, each with one of its own. They stay as they are: processes of
 * two versions may run at once.
 */
export const ADVISORY_LOCKS = {
  migration: 4_907_154,
  /** Taken by the schema's own `ensure_partitions`. */
  partitions: 4_907_155,
  setup: 4_907_156,
  collector: 4_907_157,
  fleetFile: 4_907_158,
  storeQuota: 4_907_159,
} as const;

/** Waits until nobody else has this name, and has it until the caller's transaction ends. */
export async function lockName(client: PoolClient, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
}
