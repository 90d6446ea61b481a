import type { Pool } from 'pg';

export interface OutboxEntry {
  readonly taskId: string;
  readonly version: number;
  /** How often telling the workflow was begun, this time included. */
  readonly attempts: number;
}

/**
 * Longer than telling a workflow usually takes: should it take longer, another relay tells the same, which is
 * harmless. So long the entries of a relay that died wait for another one.
 */
const LEASE_SECONDS = 10;

/** Tasks whose workflows have yet to hear of their present version. */
export class TaskOutbox {
  readonly #pool: Pool;
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Leases up to `limit` entries that are due, oldest first; no other relay gets them meanwhile. */
  async lease(limit: number): Promise<OutboxEntry[]> {
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
      `WITH told AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS t(task_id, version)),
       removed AS (DELETE FROM agent_task_outbox o USING told WHERE o.task_id = told.task_id AND o.version <= told.version)
       UPDATE agent_task_outbox o SET leased_until = NULL, attempts = 0 FROM told
       WHERE o.task_id = told.task_id AND o.version > told.version`,
      [ids, versions],
    );
  }

  /** Gives entries back that could not be told, to be tried again after `delayMs`. */
  async release(entries: readonly OutboxEntry[], delayMs: number): Promise<void> {
    if (entries.length === 0) return;
    await this.#pool.query(
      `UPDATE agent_task_outbox SET leased_until = NULL, available_at = now() + make_interval(secs => $2)
       WHERE task_id = ANY($1::uuid[])`,
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
       ON CONFLICT (task_id) DO NOTHING`,
      [minutes],
    );
    return rowCount ?? 0;
  }

  /** Has the workflows of those of the tasks told again that have ended or are gone. */
  async remindEnded(taskIds: readonly string[]): Promise<number> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO agent_task_outbox (task_id, version, available_at)
       SELECT ended.id, COALESCE(t.version, 1), now() FROM unnest($1::uuid[]) AS ended(id)
       LEFT JOIN agent_task t ON t.id = ended.id
       WHERE t.id IS NULL OR t.status NOT IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS')
       ON CONFLICT (task_id) DO NOTHING`,
      [taskIds],
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
