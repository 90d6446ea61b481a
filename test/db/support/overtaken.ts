import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { Database } from '../../../db/database.ts';

/** Statements on this database that wait for somebody's lock. */
export async function waitingForLocks(pool: Pool): Promise<number> {
  const { rows } = await pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
}

/**
 * Has `later` wait for what the transaction of `first` holds, which ends only then: `later` began before it, and goes on
 * after it.
 */
export async function overtaken<T>(
  { pool }: Database,
  first: (pool: Pool) => Promise<unknown>,
  later: () => Promise<T>,
): Promise<T> {
  const gate: Record<'open' | 'reached', () => void> = { open: () => undefined, reached: () => undefined };
  const opened = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    gate.reached = resolve;
  });
  const held = async (client: PoolClient): Promise<PoolClient> => {
    const query = async (...args: readonly unknown[]) => {
      if (String(args[0]) === 'COMMIT') {
        gate.reached();
        await opened;
      }
      return Reflect.apply(client.query, client, args) as unknown;
    };
    return Object.assign(Object.create(client) as PoolClient, { query });
  };
  const holding = Object.assign(Object.create(pool) as Pool, {
    connect: async () => held(await pool.connect()),
    query: pool.query.bind(pool),
  });
  const begun = first(holding);
  await Promise.race([reached, begun]);
  try {
    let over = false;
    const answer = later().finally(() => {
      over = true;
    });
    while ((await waitingForLocks(pool)) === 0) {
      if (over) throw new Error('It did not wait');
      await delay(20);
    }
    gate.open();
    await begun;
    return await answer;
  } finally {
    gate.open();
  }
}
