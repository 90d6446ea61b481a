import type { Pool } from 'pg';
import { eventually } from '../../harness/eventually.ts';
import { waitingForLocks } from './overtaken.ts';

/** Until somebody in this database waits for a lock: what was begun has come so far, and no further. */
export function untilSomebodyWaits(pool: Pool): Promise<void> {
  return eventually(async () => {
    if ((await waitingForLocks(pool)) === 0) throw new Error('Nobody waits for a lock');
  });
}

/**
 * `work` takes the first row and waits for the second one, which somebody has who then wants the first: Postgres ends one of
 * the two.
 *
 * @param lock statement that locks a row by its id
 */
export async function inCircle<T>(
  pool: Pool,
  work: () => Promise<T>,
  lock: string,
  [first, second]: readonly [string, string],
): Promise<T> {
  const other = await pool.connect();
  try {
    await other.query('BEGIN');
    await other.query(lock, [second]);
    const done = work();
    // Told below.
    done.catch(() => undefined);
    await untilSomebodyWaits(pool);
    await other.query(lock, [first]).catch(() => undefined);
    await other.query('ROLLBACK');
    return await done;
  } finally {
    other.release();
  }
}
