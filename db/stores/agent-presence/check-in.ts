import type { Pool } from 'pg';
import type { AgentStatus } from '../../../contracts/agent/agent.ts';
import type { HeartbeatRequest } from '../../../contracts/agent/heartbeat.ts';
import type { HandedOverTask } from '../../../contracts/agent-task/task.ts';
import { GroupCommit, type GroupCommitOptions } from '../../batch/group-commit.ts';
import { toHandedOverTask } from '../agent-task/records.ts';
import { applyEdges, type Edge } from './edges.ts';
import { handOverTasks } from './hand-over.ts';

export interface CheckIn {
  readonly agentId: string;
  readonly heartbeat: HeartbeatRequest;
}

export type CheckInAnswer =
  | { readonly kind: 'accepted'; readonly status: AgentStatus; readonly tasks: HandedOverTask[] }
  | { readonly kind: 'cloned' | 'revoked' | 'unknown' };

const BATCHING: GroupCommitOptions = { maxBatch: 256, maxWaitMs: 4, maxConcurrent: 2, maxWaiting: 20_000 };

interface StampedRow {
  agent_id: string;
  status: AgentStatus;
  revoked: boolean;
  desired: AgentStatus;
  edge: boolean;
  has_pending: boolean;
}

/**
 * Stamps many agents in one statement. Only the stamp (and counters, where sent) is written, to a column
 * without an index; everything else is compared, and what differs is told as an edge.
 */
const STAMP = `
  WITH beat AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[])
      AS b(agent_id, agent_version, degraded, last_error, instance_id, hardware_id, counters)
  ), stamped AS (
    UPDATE agent_presence p SET last_heartbeat_at = now(), counters = COALESCE(b.counters, p.counters)
    FROM beat b WHERE p.agent_id = b.agent_id AND NOT p.revoked
    RETURNING p.agent_id, p.status,
      CASE WHEN b.degraded OR b.last_error IS NOT NULL OR p.strained THEN 'DEGRADED' ELSE 'ONLINE' END AS desired,
      p.agent_version IS DISTINCT FROM COALESCE(b.agent_version, p.agent_version)
        OR p.last_error IS DISTINCT FROM b.last_error
        OR p.reports_degraded IS DISTINCT FROM b.degraded
        OR p.instance_id IS DISTINCT FROM COALESCE(b.instance_id, p.instance_id)
        OR p.hardware_id IS DISTINCT FROM COALESCE(b.hardware_id, p.hardware_id) AS differs
  )
  SELECT s.agent_id, s.status, s.desired, s.differs OR s.status <> s.desired AS edge,
    EXISTS (SELECT 1 FROM agent_task t WHERE t.agent_id = s.agent_id AND t.status = 'PENDING') AS has_pending
  FROM stamped s`;

/** The hot path: heartbeats wait a few milliseconds together and are stamped by one statement. */
export class CheckInWriter {
  readonly #pool: Pool;
  readonly #batches: GroupCommit<CheckIn, CheckInAnswer>;

  constructor(pool: Pool, batching: Partial<GroupCommitOptions> = {}) {
    this.#pool = pool;
    this.#batches = new GroupCommit((checkIns) => this.#commit(checkIns), { ...BATCHING, ...batching });
  }

  /** Durable when it answers. Rejects with the database's error if the batch could not be written. */
  checkIn(checkIn: CheckIn): Promise<CheckInAnswer> {
    return this.#batches.submit(checkIn);
  }

  async #commit(checkIns: readonly CheckIn[]): Promise<readonly CheckInAnswer[]> {
    // An agent that is in a batch twice is stamped once, by its later word, and gets its tasks once.
    const latest = new Map(checkIns.map((checkIn) => [checkIn.agentId, checkIn.heartbeat]));
    const stamped = await this.#stamp(latest);
    const edges = stamped.filter((row) => row.edge);
    const cloned =
      edges.length === 0
        ? NOBODY
        : await applyEdges(
            this.#pool,
            edges.map((row) => toEdge(row, latest)),
          );
    const waiting = stamped.filter((row) => row.has_pending && !cloned.has(row.agent_id));
    const handedOver =
      waiting.length === 0
        ? NO_TASKS
        : await handOverTasks(
            this.#pool,
            waiting.map((row) => row.agent_id),
          );
    const answers = new Map<string, CheckInAnswer>();
    for (const row of stamped) {
      answers.set(
        row.agent_id,
        cloned.has(row.agent_id)
          ? { kind: 'cloned' }
          : {
              kind: 'accepted',
              status: row.desired,
              tasks: (handedOver.get(row.agent_id) ?? []).map(toHandedOverTask),
            },
      );
    }
    await this.#explainMissing(latest, answers);
    const given = new Set<string>();
    return checkIns.map(({ agentId }) => {
      const answer = answers.get(agentId) ?? { kind: 'unknown' };
      if (answer.kind !== 'accepted' || !given.has(agentId)) {
        given.add(agentId);
        return answer;
      }
      return { ...answer, tasks: [] };
    });
  }

  async #stamp(latest: ReadonlyMap<string, HeartbeatRequest>): Promise<StampedRow[]> {
    // Sorted, so that two batches lock shared agents in the same order.
    const agentIds = [...latest.keys()].sort();
    const beats = agentIds.map((id) => latest.get(id) ?? {});
    const { rows } = await this.#pool.query<StampedRow>({
      name: 'check-in-stamp',
      text: STAMP,
      values: [
        agentIds,
        beats.map((beat) => beat.agent_version ?? null),
        beats.map((beat) => beat.status === 'DEGRADED'),
        beats.map((beat) => beat.last_error || null),
        beats.map((beat) => beat.instance_id ?? null),
        beats.map((beat) => beat.hardware_id ?? null),
        beats.map((beat) => (beat.counters === undefined ? null : JSON.stringify(beat.counters))),
      ],
    });
    return rows;
  }

  /** Agents that could not be stamped are gone or revoked. */
  async #explainMissing(
    latest: ReadonlyMap<string, HeartbeatRequest>,
    answers: Map<string, CheckInAnswer>,
  ): Promise<void> {
    const missing = [...latest.keys()].filter((id) => !answers.has(id));
    if (missing.length === 0) return;
    const { rows } = await this.#pool.query<{ agent_id: string }>(
      'SELECT agent_id FROM agent_presence WHERE agent_id = ANY($1::uuid[]) AND revoked',
      [missing],
    );
    for (const row of rows) answers.set(row.agent_id, { kind: 'revoked' });
  }
}

const NOBODY: ReadonlySet<string> = new Set();
const NO_TASKS: ReadonlyMap<string, never[]> = new Map();

function toEdge(row: StampedRow, latest: ReadonlyMap<string, HeartbeatRequest>): Edge {
  return { agentId: row.agent_id, desired: row.desired, heartbeat: latest.get(row.agent_id) ?? {} };
}
