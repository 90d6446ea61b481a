import type { Pool } from 'pg';
import { prepared } from '../../database.ts';
import type { TaskTimers } from './timers.ts';

export interface OutboxEntry {
  readonly taskId: string;
  readonly version: number;
  /** How often telling the workflow was begun, this time included. */
  readonly attempts: number;
}

/**
 * So long the entries of a relay that died wait for another one. Nobody may still be telling an entry when its lease
 * is over: another relay may by then have told a later state, and the workflow may have ended.
 */
const LEASE_SECONDS = 10;
/** After its lease, in milliseconds, a relay must have told an entry or given up. */
export const TELL_WITHIN_MS = 8_000;

/** Tasks whose workflows have yet to hear of their present version. */
export class TaskOutbox {
  readonly #pool: Pool;
  readonly #timers: TaskTimers;

  constructor(pool: Pool, timers: TaskTimers) {
    this.#pool = pool;
    this.#timers = timers;
  }

  /** Leases up to `limit` entries that are due, oldest first; no other relay gets them meanwhile. */
  async lease(limit: number): Promise<OutboxEntry[]> {
    // Planned each time: with a backlog it is another statement than with none.
    const { rows } = await this.#pool.query<OutboxEntry>(
      `UPDATE agent_task_outbox o SET leased_until = now() + interval '${LEASE_SECONDS} seconds', attempts = attempts + 1
       FROM (SELECT task_id FROM agent_task_outbox
             WHERE available_at <= now() AND (leased_until IS NULL OR leased_until < now())
             ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
       WHERE o.task_id = due.task_id RETURNING o.task_id AS "taskId", o.version, o.attempts`,
      [limit],
    );
    return rows;
  }

  /** Removes entries that were told. One that moved on meanwhile stays and is due at once. */
  async settle(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const ids = entries.map((entry) => entry.taskId);
    const versions = entries.map((entry) => entry.version);
    await this.#pool.query(
      prepared(
        // Locked first and in order: what is compared is then the newest version, and moves, which lock in the same
        // order, cannot be waited for in a circle.
        `WITH told AS (
         SELECT * FROM unnest($1::uuid[], $2::int[]) AS t(task_id, version)
       ), present AS MATERIALIZED (
         SELECT o.task_id, o.version > told.version AS moved_on
         FROM agent_task_outbox o JOIN told ON told.task_id = o.task_id ORDER BY o.task_id FOR UPDATE OF o
       ), removed AS (
         DELETE FROM agent_task_outbox o USING present p WHERE o.task_id = p.task_id AND NOT p.moved_on
       )
       UPDATE agent_task_outbox o SET leased_until = NULL, attempts = 0 FROM present p
       WHERE o.task_id = p.task_id AND p.moved_on`,
        [ids, versions],
      ),
    );
  }

  /** Gives entries back that could not be told, to be tried again after `delayMs`. */
  async release(entries: readonly OutboxEntry[], delayMs: number): Promise<void> {
    if (entries.length === 0) return;
    await this.#pool.query(
      `WITH present AS MATERIALIZED (
         SELECT task_id FROM agent_task_outbox WHERE task_id = ANY($1::uuid[]) ORDER BY task_id FOR UPDATE
       )
       UPDATE agent_task_outbox o SET leased_until = NULL, available_at = now() + make_interval(secs => $2)
       FROM present p WHERE o.task_id = p.task_id`,
      [entries.map((entry) => entry.taskId), delayMs / 1_000],
    );
  }

  /** Open tasks that were created at least `minutes` ago. */
  async countOpen(minutes: number): Promise<number> {
    const { rows } = await this.#pool.query<{ open: number }>(
      `SELECT count(*) AS open FROM agent_task
       WHERE status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS') AND created_at <= now() - make_interval(mins => $1)`,
      [minutes],
    );
    return rows[0]?.open ?? 0;
  }

  /** Has the workflows of all open tasks created at least `minutes` ago told again. */
  async remindOpen(minutes: number): Promise<number> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO agent_task_outbox (task_id, version, available_at)
       SELECT id, version, now() FROM agent_task
       WHERE status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS') AND created_at <= now() - make_interval(mins => $1)
       ORDER BY id ON CONFLICT (task_id) DO NOTHING`,
      [minutes],
    );
    return rowCount ?? 0;
  }

  /** How many of the tasks are open and were created at least `minutes` ago. */
  async countOpenAmong(taskIds: readonly string[], minutes: number): Promise<number> {
    const { rows } = await this.#pool.query<{ open: number }>(
      `SELECT count(*) AS open FROM agent_task WHERE id = ANY($1::uuid[])
       AND status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS') AND created_at <= now() - make_interval(mins => $2)`,
      [taskIds, minutes],
    );
    return rows[0]?.open ?? 0;
  }

  /** Has the workflows of those of the tasks told again that are gone or ended at least `minutes` ago. */
  async remindEnded(taskIds: readonly string[], minutes: number): Promise<number> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO agent_task_outbox (task_id, version, available_at)
       SELECT ended.id, COALESCE(t.version, 1), now() FROM unnest($1::uuid[]) AS ended(id)
       LEFT JOIN agent_task t ON t.id = ended.id
       WHERE t.id IS NULL OR t.completed_at <= now() - make_interval(mins => $2)
       ORDER BY ended.id ON CONFLICT (task_id) DO NOTHING`,
      [taskIds, minutes],
    );
    return rowCount ?? 0;
  }

  /** Has those workflows told again whose timer should have acted a minute ago: they may know an older state. */
  async remindOverdue(): Promise<number> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO agent_task_outbox (task_id, version, available_at)
       SELECT id, version, now() FROM agent_task
       WHERE (status = 'ASSIGNED' AND assigned_at + make_interval(secs => $1 + 60) < now())
          OR (status = 'IN_PROGRESS' AND started_at + make_interval(secs => timeout_seconds + 60) < now())
       ORDER BY id ON CONFLICT (task_id) DO NOTHING`,
      [this.#timers.handoverSeconds],
    );
    return rowCount ?? 0;
  }

  /** Entries that wait, and the age of the oldest one that is due, in seconds. */
  async backlog(): Promise<{ waiting: number; oldest_seconds: number }> {
    const { rows } = await this.#pool.query<{ waiting: number; oldest_seconds: number }>(
      `SELECT count(*) AS waiting, COALESCE(GREATEST(0, extract(epoch FROM now() - min(available_at))), 0)::float8 AS oldest_seconds
       FROM agent_task_outbox`,
    );
    return rows[0] ?? { waiting: 0, oldest_seconds: 0 };
  }
}
