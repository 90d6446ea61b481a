import type { Pool } from 'pg';
import type { AgentStatus } from '../../../contracts/agent/agent.ts';
import type { HeartbeatRequest } from '../../../contracts/agent/heartbeat.ts';
import type { HandedOverTask } from '../../../contracts/agent-task/task.ts';
import { GroupCommit, type GroupCommitOptions } from '../../batch/group-commit.ts';
import { statement } from '../../database.ts';
import { toHandedOverTask } from '../agent-task/records.ts';
import { applyEdges, auditClones, type Edge } from './edges.ts';
import { handOverTasks } from './hand-over.ts';

export interface CheckIn {
  readonly agentId: string;
  readonly heartbeat: HeartbeatRequest;
}

export type CheckInAnswer =
  | { readonly kind: 'accepted'; readonly status: AgentStatus; readonly tasks: HandedOverTask[] }
  | { readonly kind: 'cloned' | 'revoked' | 'unknown' };

// An agent speaks once a minute: what it waits here costs it nothing, and a batch costs the same with 7 as with 30.
const BATCHING: GroupCommitOptions = {
  maxBatch: 256,
  enough: 32,
  maxWaitMs: 20,
  maxConcurrent: 2,
  maxWaiting: 20_000,
};

interface StampedRow {
  agent_id: string;
  desired: AgentStatus;
  edge: boolean;
  has_pending: boolean;
}

/**
 * Stamps many agents in one statement. Only the stamp (and counters, where sent) is written, to a column
 * without an index; everything else is compared, and what differs is told as an edge. A second machine with the
 * same identity is not stamped: it shows itself by other hardware, or by an instance that comes back after another
 * one spoke, since a restarted agent never takes up an earlier instance id again.
 */
const STAMP = `
  WITH beat AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[])
      AS b(agent_id, agent_version, degraded, last_error, instance_id, hardware_id, counters)
  ), stamped AS (
    UPDATE agent_presence p SET last_heartbeat_at = now(), counters = COALESCE(b.counters, p.counters)
    FROM beat b WHERE p.agent_id = b.agent_id AND NOT p.revoked
      AND p.hardware_id = COALESCE(b.hardware_id, p.hardware_id)
      AND (p.instance_id IS NOT DISTINCT FROM b.instance_id OR b.instance_id IS NULL
        OR b.instance_id <> ALL(p.earlier_instance_ids))
    RETURNING p.agent_id, p.status,
      CASE WHEN b.degraded OR b.last_error IS NOT NULL OR p.strained THEN 'DEGRADED' ELSE 'ONLINE' END AS desired,
      p.agent_version IS DISTINCT FROM COALESCE(b.agent_version, p.agent_version)
        OR p.last_error IS DISTINCT FROM b.last_error
        OR p.reports_degraded IS DISTINCT FROM b.degraded
        OR p.instance_id IS DISTINCT FROM COALESCE(b.instance_id, p.instance_id) AS differs
  )
  SELECT s.agent_id, s.desired, s.differs OR s.status <> s.desired AS edge,
    -- Who comes back may have waited here for its expiry, which put tasks back that this statement does not see.
    s.status = 'OFFLINE' OR EXISTS (
      SELECT 1 FROM agent_task t WHERE t.agent_id = s.agent_id AND t.status = 'PENDING') AS has_pending
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
    const answers = new Map<CheckIn, CheckInAnswer>();
    let rest = checkIns;
    // Two machines under one identity are judged one after the other, never by each other's word.
    while (rest.length > 0) {
      const { now, later } = separate(rest);
      await this.#commitDistinct(now, answers);
      rest = later;
    }
    return checkIns.map((checkIn) => answers.get(checkIn) ?? { kind: 'unknown' });
  }

  /** Each agent has one voice here; where it said more than one word, the last one counts and gets the tasks. */
  async #commitDistinct(checkIns: readonly CheckIn[], answers: Map<CheckIn, CheckInAnswer>): Promise<void> {
    const latest = new Map(checkIns.map((checkIn) => [checkIn.agentId, checkIn]));
    const stamped = new Map((await this.#stamp(latest)).map((row) => [row.agent_id, row]));
    const refused = await this.#explain([...latest.keys()].filter((id) => !stamped.has(id)));
    const edges = [...stamped.values()].filter((row) => row.edge);
    if (edges.length > 0)
      await applyEdges(
        this.#pool,
        edges.map((row) => toEdge(row, latest)),
      );
    const waiting = [...stamped.values()].filter((row) => row.has_pending).map((row) => row.agent_id);
    const handedOver = waiting.length === 0 ? NO_TASKS : await handOverTasks(this.#pool, waiting);
    for (const checkIn of checkIns) {
      const row = stamped.get(checkIn.agentId);
      const tasks = latest.get(checkIn.agentId) === checkIn ? (handedOver.get(checkIn.agentId) ?? []) : [];
      answers.set(
        checkIn,
        row === undefined
          ? { kind: refused.get(checkIn.agentId) ?? 'unknown' }
          : { kind: 'accepted', status: row.desired, tasks: tasks.map(toHandedOverTask) },
      );
    }
  }

  async #stamp(latest: ReadonlyMap<string, CheckIn>): Promise<StampedRow[]> {
    // Sorted, so that two batches lock shared agents in the same order.
    const agentIds = [...latest.keys()].sort();
    const beats = agentIds.map((id): HeartbeatRequest => latest.get(id)?.heartbeat ?? {});
    const { rows } = await statement<StampedRow>(this.#pool, {
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

  /** Why agents could not be stamped: they are gone, were revoked, or another machine speaks for them. */
  async #explain(agentIds: readonly string[]): Promise<Map<string, 'revoked' | 'cloned'>> {
    if (agentIds.length === 0) return new Map();
    const { rows } = await this.#pool.query<{ agent_id: string; revoked: boolean }>(
      'SELECT agent_id, revoked FROM agent_presence WHERE agent_id = ANY($1::uuid[])',
      [agentIds],
    );
    await auditClones(
      this.#pool,
      rows.flatMap((row) => (row.revoked ? [] : [row.agent_id])),
    );
    return new Map(rows.map((row) => [row.agent_id, row.revoked ? 'revoked' : 'cloned']));
  }
}

const NO_TASKS: ReadonlyMap<string, never[]> = new Map();

/** Of every agent the words of one machine, the one that spoke first; the others' words come later. */
function separate(checkIns: readonly CheckIn[]): { now: CheckIn[]; later: CheckIn[] } {
  const voices = new Map<string, string>();
  const now: CheckIn[] = [];
  const later: CheckIn[] = [];
  for (const checkIn of checkIns) {
    const voice = `${checkIn.heartbeat.hardware_id} ${checkIn.heartbeat.instance_id}`;
    const first = voices.get(checkIn.agentId) ?? voice;
    voices.set(checkIn.agentId, first);
    (first === voice ? now : later).push(checkIn);
  }
  return { now, later };
}

function toEdge(row: StampedRow, latest: ReadonlyMap<string, CheckIn>): Edge {
  return { agentId: row.agent_id, heartbeat: latest.get(row.agent_id)?.heartbeat ?? {} };
}
