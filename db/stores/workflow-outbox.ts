import type { Pool, PoolClient } from 'pg';

/** What a workflow is to be told. Ids and states only: Temporal keeps it. */
export type WorkflowMessage =
  | {
      readonly kind: 'start';
      readonly type: string;
      readonly taskQueue: string;
      readonly args: readonly unknown[];
      /** One line for the Web UI. */
      readonly summary: string;
      readonly details: string;
      /** Keyword attributes by name. */
      readonly searchAttributes: Readonly<Record<string, string>>;
      /** Also when the last run came to its end: the record that it drives was put back to an earlier state. */
      readonly again?: boolean;
    }
  | { readonly kind: 'signal'; readonly signal: string; readonly args: readonly unknown[] }
  | { readonly kind: 'cancel' };

export interface WorkflowEntry {
  readonly id: number;
  readonly workflowId: string;
  readonly message: WorkflowMessage;
  /** How often telling was begun, this time included. */
  readonly attempts: number;
}

/** So long the entries of a relay that died wait for another one. */
const LEASE_SECONDS = 10;
/** After its lease, in milliseconds, a relay must have told an entry or given up. */
export const TELL_WORKFLOW_WITHIN_MS = 8_000;

/** Notes, within the caller's transaction, that a workflow must be told something. */
export async function tellWorkflow(
  queryable: Pool | PoolClient,
  workflowId: string,
  message: WorkflowMessage,
): Promise<void> {
  await queryable.query(
    'INSERT INTO workflow_outbox (workflow_id, message, available_at) VALUES ($1, $2, now())',
    [workflowId, JSON.stringify(message)],
  );
}

/** Words for workflows, told at least once and, for each workflow, one after the other. */
export class WorkflowOutbox {
  readonly #pool: Pool;
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Leases up to `limit` entries that are due and are the oldest of their workflow. */
  async lease(limit: number): Promise<WorkflowEntry[]> {
    const { rows } = await this.#pool.query<WorkflowEntry>(
      `UPDATE workflow_outbox o SET leased_until = now() + interval '${LEASE_SECONDS} seconds', attempts = attempts + 1
       FROM (SELECT id FROM workflow_outbox w
             WHERE available_at <= now() AND (leased_until IS NULL OR leased_until < now())
               AND NOT EXISTS (SELECT 1 FROM workflow_outbox e WHERE e.workflow_id = w.workflow_id AND e.id < w.id)
             ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
       WHERE o.id = due.id RETURNING o.id, o.workflow_id AS "workflowId", o.message, o.attempts`,
      [limit],
    );
    return rows;
  }

  /** Removes entries that were told. */
  async settle(ids: readonly number[]): Promise<void> {
    if (ids.length > 0)
      await this.#pool.query('DELETE FROM workflow_outbox WHERE id = ANY($1::bigint[])', [ids]);
  }

  /** Gives entries back that could not be told, to be tried again after `delayMs`. */
  async release(ids: readonly number[], delayMs: number): Promise<void> {
    if (ids.length === 0) return;
    await this.#pool.query(
      `UPDATE workflow_outbox SET leased_until = NULL, available_at = now() + make_interval(secs => $2)
       WHERE id = ANY($1::bigint[])`,
      [ids, delayMs / 1_000],
    );
  }
}
