import type { Pool } from 'pg';
import { eventually } from '../../harness/eventually.ts';
import { waitingForLocks } from './overtaken.ts';

/** Until somebody in this database waits for a lock: what was begun has come so far, and no further. */
export function untilSomebodyWaits(pool: Pool): Promise<void> {
  return eventually(async () => {
    if ((await waitingForLocks(pool)) === 0) throw new Error('Nobody waits for a lock');
  });
}
