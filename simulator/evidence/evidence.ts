import type { Pool } from 'pg';
import { FINAL_TASK_STATUSES, OPEN_TASK_STATUSES } from '../../contracts/agent-task/states.ts';
import type { DeploymentStatus, DeviceState, RingState } from '../../contracts/deployment/states.ts';

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

export interface DeploymentEvidence {
  readonly status: DeploymentStatus;
  readonly reason: string;
  /** States of the rings, in their order. */
  readonly rings: readonly RingState[];
  /** Devices by state, and how many of them can be reached. */
  readonly devices: Readonly<Partial<Record<DeviceState, { count: number; reachable: number }>>>;
  /** Installs that ended well, and that did not, whatever became of their devices later. */
  readonly installs: { readonly completed: number; readonly failed: number };
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

  /** @throws Error when there is no such deployment */
  async deployment(id: string): Promise<DeploymentEvidence> {
    const { rows } = await this.#pool.query<{
      status: DeploymentStatus;
      reason: string;
      rings: RingState[];
      completed: number;
      failed: number;
    }>(
      `SELECT i.status, i.reason, (SELECT array_agg(state ORDER BY position) FROM deployment_ring WHERE deployment_id = $1) AS rings,
         installs.* FROM deployment_intent i CROSS JOIN (
           SELECT count(*) FILTER (WHERE t.status = 'COMPLETED') AS completed,
             count(*) FILTER (WHERE t.status IN ('FAILED', 'TIMEOUT')) AS failed
           FROM deployment_device d JOIN agent_task t ON t.id = d.task_id WHERE d.deployment_id = $1) installs
       WHERE i.id = $1`,
      [id],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`There is no deployment ${id}`);
    const devices = await this.#pool.query<{ state: DeviceState; count: number; reachable: number }>(
      `SELECT d.state, count(*) AS count, count(*) FILTER (WHERE a.status IN ('ONLINE', 'DEGRADED')) AS reachable
       FROM deployment_device d JOIN agent a ON a.id = d.agent_id WHERE d.deployment_id = $1 GROUP BY d.state`,
      [id],
    );
    const { status, reason, rings, completed, failed } = row;
    return {
      ...{ status, reason, rings },
      devices: Object.fromEntries(devices.rows.map(({ state, ...counts }) => [state, counts])),
      installs: { completed, failed },
    };
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
