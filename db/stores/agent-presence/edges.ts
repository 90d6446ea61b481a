import type { Pool, PoolClient } from 'pg';
import type { HeartbeatRequest } from '../../../contracts/agent/heartbeat.ts';
import { statement } from '../../database.ts';

/** A heartbeat that says something new. */
export interface Edge {
  readonly agentId: string;
  readonly heartbeat: HeartbeatRequest;
}

/** Instances of an agent that are remembered; more machines than that under one identity are not told apart. */
const REMEMBERED_INSTANCES = 8;

/**
 * Everything but the locked row is read as of the statement's beginning. A row that somebody changed while its lock was
 * waited for (expiry, telemetry) would be judged anew against an agent and alerts from before that change: such agents
 * are left as they are and answered, to be told again.
 */
const APPLY = `
  WITH edge AS MATERIALIZED (
    SELECT e.*, p.ctid AS seen
    FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::uuid[])
      AS e(agent_id, agent_version, degraded, last_error, instance_id)
    JOIN agent_presence p ON p.agent_id = e.agent_id
  ), locked AS MATERIALIZED (
    SELECT p.agent_id, p.status AS before, e.agent_version, e.degraded, e.last_error, e.instance_id,
      CASE WHEN e.degraded OR e.last_error IS NOT NULL OR p.strained THEN 'DEGRADED' ELSE 'ONLINE' END AS after,
      p.ctid = e.seen AS fresh
    FROM agent_presence p JOIN edge e ON e.agent_id = p.agent_id WHERE NOT p.revoked
    ORDER BY p.agent_id FOR UPDATE OF p
  ), judged AS (
    SELECT * FROM locked WHERE fresh
  ), present AS (
    UPDATE agent_presence p SET status = j.after, agent_version = COALESCE(j.agent_version, p.agent_version),
      reports_degraded = j.degraded, last_error = j.last_error,
      earlier_instance_ids = CASE WHEN j.instance_id IS DISTINCT FROM p.instance_id AND j.instance_id IS NOT NULL
          AND p.instance_id IS NOT NULL
        THEN (array_prepend(p.instance_id, p.earlier_instance_ids))[1:${REMEMBERED_INSTANCES}]
        ELSE p.earlier_instance_ids END,
      instance_id = COALESCE(j.instance_id, p.instance_id)
    FROM judged j WHERE p.agent_id = j.agent_id
  ), known AS (
    UPDATE agent a SET status = j.after, agent_version = COALESCE(j.agent_version, a.agent_version),
      offline_since = NULL, updated_at = now()
    FROM judged j WHERE a.id = j.agent_id
      AND (a.status <> j.after OR a.agent_version <> COALESCE(j.agent_version, a.agent_version))
  ), resolved AS (
    UPDATE alert SET resolved_at = now() FROM judged j
    WHERE alert.agent_id = j.agent_id AND alert.resolved_at IS NULL RETURNING alert.id, alert.agent_id
  ), audited AS (
    INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
    SELECT uuid7(), now(), 'agent', agent_id::text, 'alert.resolve', 'change', 'alert', id::text,
      '{"open": true}', '{"open": false}' FROM resolved
    UNION ALL
    SELECT uuid7(), now(), 'agent', agent_id::text, 'agent.status', 'change', 'agent', agent_id::text,
      jsonb_build_object('status', before),
      jsonb_strip_nulls(jsonb_build_object('status', after, 'last_error', left(last_error, 1000)))
    FROM judged WHERE before <> after
  )
  SELECT agent_id FROM locked WHERE NOT fresh`;

/** Takes up what heartbeats said that was new (status, version, error, instance) in one statement, nearly always. */
export async function applyEdges(queryable: Pool | PoolClient, edges: readonly Edge[]): Promise<void> {
  let left = edges;
  while (left.length > 0) {
    const overtaken = new Set(await apply(queryable, left));
    left = left.filter((edge) => overtaken.has(edge.agentId));
  }
}

/** @returns whose presence changed meanwhile */
async function apply(queryable: Pool | PoolClient, edges: readonly Edge[]): Promise<string[]> {
  const { rows } = await statement<{ agent_id: string }>(queryable, {
    name: 'apply-edges',
    text: APPLY,
    values: [
      edges.map((edge) => edge.agentId),
      edges.map((edge) => edge.heartbeat.agent_version ?? null),
      edges.map((edge) => edge.heartbeat.status === 'DEGRADED'),
      edges.map((edge) => edge.heartbeat.last_error || null),
      edges.map((edge) => edge.heartbeat.instance_id ?? null),
    ],
  });
  return rows.map((row) => row.agent_id);
}

/** Says in the audit, once an hour an agent, that another machine uses its identity. */
export async function auditClones(pool: Pool, agentIds: readonly string[]): Promise<void> {
  if (agentIds.length === 0) return;
  await pool.query(
    `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id)
     SELECT uuid7(), now(), 'agent', id::text, 'security.agent_cloned', 'security', 'agent', id::text
     FROM unnest($1::uuid[]) AS cloned(id)
     WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.object_id = cloned.id::text AND e.object_type = 'agent'
       AND e.action = 'security.agent_cloned' AND e.at > now() - interval '1 hour')`,
    [agentIds],
  );
}
