import type { Pool } from 'pg';
import type { AgentStatus } from '../../../contracts/agent/agent.ts';
import type { HeartbeatRequest } from '../../../contracts/agent/heartbeat.ts';
import { inTransaction } from '../../database.ts';
import { appendAudit } from '../audit.ts';

/** A heartbeat that says something new. */
export interface Edge {
  readonly agentId: string;
  readonly desired: AgentStatus;
  readonly heartbeat: HeartbeatRequest;
}

interface EdgeRow {
  agent_id: string;
  before: AgentStatus;
  after: AgentStatus;
  last_error: string | null;
  cloned: boolean;
}

/**
 * A second machine shows itself by other hardware, or by an instance that comes back after another one spoke:
 * a restarted agent never takes up an earlier instance id again.
 */
const CLONED = `(e.hardware_id IS NOT NULL AND e.hardware_id <> p.hardware_id)
  OR (e.instance_id IS NOT NULL AND e.instance_id IS NOT DISTINCT FROM p.previous_instance_id AND e.instance_id IS DISTINCT FROM p.instance_id)`;

const APPLY = `
  WITH edge AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::uuid[], $7::text[])
      AS e(agent_id, desired, agent_version, degraded, last_error, instance_id, hardware_id)
  ), judged AS (
    SELECT p.agent_id, p.status AS before, e.desired, e.agent_version, e.degraded, e.last_error, e.instance_id, ${CLONED} AS cloned
    FROM agent_presence p JOIN edge e ON e.agent_id = p.agent_id WHERE NOT p.revoked
    ORDER BY p.agent_id FOR UPDATE OF p
  ), present AS (
    UPDATE agent_presence p SET status = j.desired, agent_version = COALESCE(j.agent_version, p.agent_version),
      reports_degraded = j.degraded, last_error = j.last_error,
      previous_instance_id = CASE WHEN j.instance_id IS DISTINCT FROM p.instance_id AND j.instance_id IS NOT NULL
        THEN p.instance_id ELSE p.previous_instance_id END,
      instance_id = COALESCE(j.instance_id, p.instance_id)
    FROM judged j WHERE p.agent_id = j.agent_id AND NOT j.cloned
  ), known AS (
    UPDATE agent a SET status = j.desired, agent_version = COALESCE(j.agent_version, a.agent_version),
      offline_since = NULL, updated_at = now()
    FROM judged j WHERE a.id = j.agent_id AND NOT j.cloned
      AND (a.status <> j.desired OR a.agent_version <> COALESCE(j.agent_version, a.agent_version))
  ), resolved AS (
    UPDATE alert SET resolved_at = now() FROM judged j
    WHERE alert.agent_id = j.agent_id AND NOT j.cloned AND alert.resolved_at IS NULL
  )
  SELECT agent_id, before, desired AS after, last_error, cloned FROM judged`;

/**
 * Takes up what heartbeats said that was new: status, version, error, instance.
 *
 * @returns the agents whose identity is used by another machine; nothing of theirs was taken up
 */
export async function applyEdges(pool: Pool, edges: readonly Edge[]): Promise<Set<string>> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<EdgeRow>(APPLY, [
      edges.map((edge) => edge.agentId),
      edges.map((edge) => edge.desired),
      edges.map((edge) => edge.heartbeat.agent_version ?? null),
      edges.map((edge) => edge.heartbeat.status === 'DEGRADED'),
      edges.map((edge) => edge.heartbeat.last_error || null),
      edges.map((edge) => edge.heartbeat.instance_id ?? null),
      edges.map((edge) => edge.heartbeat.hardware_id ?? null),
    ]);
    const cloned = rows.filter((row) => row.cloned);
    const changed = rows.filter((row) => !row.cloned && row.before !== row.after);
    await appendAudit(client, [
      ...changed.map((row) => ({
        actor: { type: 'agent', id: row.agent_id } as const,
        action: 'agent.status',
        kind: 'change' as const,
        object_type: 'agent',
        object_id: row.agent_id,
        before: { status: row.before },
        after: {
          status: row.after,
          ...(row.last_error === null ? {} : { last_error: row.last_error.slice(0, 1_000) }),
        },
      })),
      ...cloned.map((row) => ({
        actor: { type: 'agent', id: row.agent_id } as const,
        action: 'security.agent_cloned',
        kind: 'security' as const,
        object_type: 'agent',
        object_id: row.agent_id,
      })),
    ]);
    return new Set(cloned.map((row) => row.agent_id));
  });
}
