import type { Pool } from 'pg';
import { eventually } from '../../harness/eventually.ts';

/** Until somebody in this database waits for a lock: what was begun has come so far, and no further. */
export function untilSomebodyWaits(pool: Pool): Promise<void> {
  return eventually(async () => {
    const { rows } = await pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length === 0) throw new Error('Nobody waits for a lock');
  });
}
