import type { Pool } from 'pg';
import { FINAL_TASK_STATUSES, OPEN_TASK_STATUSES } from '../../contracts/agent-task/states.ts';

/** A moment in epoch milliseconds, as Postgres' clock has it. */
const epochMs = (expression: string): string => `extract(epoch FROM ${expression}) * 1000`;

export interface OfflineEdge {
  readonly agentId: string;
  readonly at: number;
}

export interface Outage {
  readonly fromAt: number;
  readonly toAt: number;
}

export interface TaskEvidence {
  readonly id: string;
  readonly status: string;
  /** How often the audit says that it came to a final state. */
  readonly endings: number;
}

/** What the database says, read without the stores that are judged by it. */
export class Evidence {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** When the agents were last heard; epoch milliseconds by agent id. */
  async lastHeartbeats(agentIds?: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.#pool.query<{ agent_id: string; at: string }>(
      `SELECT agent_id, ${epochMs('last_heartbeat_at')} AS at FROM agent_presence
       WHERE last_heartbeat_at IS NOT NULL AND ($1::uuid[] IS NULL OR agent_id = ANY($1))`,
      [agentIds ?? null],
    );
    return new Map(rows.map((row) => [row.agent_id, Number(row.at)]));
  }

  /** Every time an agent was called OFFLINE. */
  async offlineEdges(): Promise<OfflineEdge[]> {
    const { rows } = await this.#pool.query<{ agent_id: string; at: string }>(
      `SELECT object_id AS agent_id, ${epochMs('at')} AS at FROM audit_event
       WHERE action = 'agent.status' AND object_type = 'agent' AND after ->> 'status' = 'OFFLINE' ORDER BY at`,
    );
    return rows.map((row) => ({ agentId: row.agent_id, at: Number(row.at) }));
  }

  /** Times in which the platform itself says that it could hear nobody. */
  async outages(): Promise<Outage[]> {
    const { rows } = await this.#pool.query<{ from_at: string; to_at: string }>(
      `SELECT ${epochMs('began_at')} AS from_at, ${epochMs('ended_at')} AS to_at FROM intake_outage ORDER BY began_at`,
    );
    return rows.map((row) => ({ fromAt: Number(row.from_at), toAt: Number(row.to_at) }));
  }

  async tasks(): Promise<TaskEvidence[]> {
    const { rows } = await this.#pool.query<TaskEvidence>(
      `SELECT t.id, t.status, COALESCE(e.endings, 0)::int AS endings FROM agent_task t LEFT JOIN (
         SELECT object_id, count(*) AS endings FROM audit_event
         WHERE object_type = 'agent_task' AND kind = 'change' AND after ->> 'status' = ANY($1)
         GROUP BY object_id) e ON e.object_id = t.id::text`,
      [FINAL_TASK_STATUSES],
    );
    return rows;
  }

  /** Counts by state: of all tasks, or of those with that correlation id. */
  async taskStates(correlationId?: string): Promise<Record<string, number>> {
    const { rows } = await this.#pool.query<{ status: string; count: number }>(
      `SELECT status, count(*) AS count FROM agent_task WHERE $1::text IS NULL OR correlation_id = $1 GROUP BY status`,
      [correlationId ?? null],
    );
    return Object.fromEntries(rows.map((row) => [row.status, Number(row.count)]));
  }

  async openTasks(): Promise<number> {
    const states = await this.taskStates();
    return OPEN_TASK_STATUSES.reduce((sum, status) => sum + (states[status] ?? 0), 0);
  }

  async presence(): Promise<Record<string, number>> {
    const { rows } = await this.#pool.query<{ status: string; count: number }>(
      'SELECT status, count(*) AS count FROM agent_presence GROUP BY status',
    );
    return Object.fromEntries(rows.map((row) => [row.status, Number(row.count)]));
  }

  /** Changes of tasks that their workflows have yet to hear of, and that are due for more than 5 s. */
  async overdueOutbox(): Promise<number> {
    const { rows } = await this.#pool.query<{ count: number }>(
      `SELECT count(*) AS count FROM agent_task_outbox WHERE available_at < now() - interval '5 seconds'`,
    );
    return Number(rows[0]?.count ?? 0);
  }
}
