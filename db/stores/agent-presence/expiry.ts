import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { ExpiryPass } from '../../../contracts/agent-presence/presence.ts';
import { agentPresenceWorkflowId } from '../../../contracts/temporal.ts';
import { inTransaction } from '../../database.ts';
import { moveTasks } from '../agent-task/move.ts';

export interface ExpiryRules {
  /** Silence, in seconds, after which an agent is OFFLINE. */
  readonly offlineAfterSeconds: number;
  /** Silence of the platform itself, in seconds, during which nobody expires. */
  readonly intakeSilenceSeconds: number;
  /** Whether alerts are delivered anywhere. */
  readonly alertsDelivered: boolean;
}

/**
 * Agents that one transaction takes OFFLINE at most: each looks through the shard once, and what it holds is let go of
 * within about a tenth of a second.
 */
const BATCH = 2_000;
/** What is left then is for the next pass, soon after; in milliseconds. */
const LONGEST_PASS_MS = 10_000;
/**
 * Share of the time in which looking alone may keep Postgres busy: a look through a shard, then at least this many times
 * as long a pause. What it takes to mark agents that are due does not count: it must be done, and the sooner the better.
 */
const PAUSE_PER_LOOK = 4;
/** A look that was slow because the machine was busy must not make whoever is due next wait for seconds. */
const LONGEST_PAUSE_MS = 1_000;
/** A pass that follows so soon is not worth a separate wake-up of its workflow. */
const MIN_PAUSE_MS = 250;
/** The same while nobody listens, which may go on for long. */
const MIN_PAUSE_UNHEARD_MS = 2_000;

/**
 * The moment at which an agent expires: its last heartbeat, the allowed silence, and all the time since in which
 * nobody was there to hear it.
 */
const DEADLINE = `p.last_heartbeat_at + make_interval(secs => $2) + CASE
    WHEN p.last_heartbeat_at < (SELECT max(ended_at) FROM intake_outage) THEN (
      SELECT sum(o.ended_at - GREATEST(o.began_at, p.last_heartbeat_at)) FROM intake_outage o
      WHERE o.ended_at > p.last_heartbeat_at)
    ELSE interval '0' END`;

/**
 * Takes every agent of a shard OFFLINE whose time is over and says when to look again. While nobody listens to
 * agents at all, nobody expires.
 */
export async function expireShard(pool: Pool, shard: number, rules: ExpiryRules): Promise<ExpiryPass> {
  if (!(await intakeAlive(pool, rules)))
    return { next_in_ms: await nextExpiryMs(pool, shard, rules, 'stands'), expired: 0, alert_batches: [] };
  const begun = performance.now();
  let expired = 0;
  let batch = BATCH;
  while (batch === BATCH && performance.now() - begun < LONGEST_PASS_MS) {
    batch = await inTransaction(pool, (client) => expireBatch(client, shard, rules));
    expired += batch;
  }
  const looked = performance.now();
  const next = await nextExpiryMs(pool, shard, rules, 'runs');
  // Where a look is long, because the fleet is large, the next one waits longer.
  const pause = Math.min(LONGEST_PAUSE_MS, Math.round(PAUSE_PER_LOOK * (performance.now() - looked)));
  return {
    next_in_ms: batch === BATCH ? MIN_PAUSE_MS : Math.max(next, pause),
    expired,
    alert_batches: rules.alertsDelivered ? await undeliveredBatches(pool, shard) : [],
  };
}

async function intakeAlive(pool: Pool, rules: ExpiryRules): Promise<boolean> {
  const { rows } = await pool.query<{ alive: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM intake WHERE alive_at > now() - make_interval(secs => $1)) AS alive`,
    [rules.intakeSilenceSeconds],
  );
  return rows[0]?.alive === true;
}

/** @returns how many went OFFLINE */
async function expireBatch(client: PoolClient, shard: number, rules: ExpiryRules): Promise<number> {
  const actor = { type: 'workflow', id: agentPresenceWorkflowId(shard) } as const;
  const { rows } = await client.query<{ agent_id: string }>(
    `WITH due AS (
       SELECT p.agent_id, p.status AS before FROM agent_presence p
       WHERE p.shard = $1 AND p.status IN ('ONLINE', 'DEGRADED') AND NOT p.revoked
         AND p.last_heartbeat_at <= now() - make_interval(secs => $2) AND ${DEADLINE} <= now()
       LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
     ), present AS (
       UPDATE agent_presence p SET status = 'OFFLINE' FROM due WHERE p.agent_id = due.agent_id
     ), locked AS MATERIALIZED (
       -- In the order in which all lock several agents.
       SELECT id FROM agent WHERE id = ANY (ARRAY(SELECT agent_id FROM due)) ORDER BY id FOR NO KEY UPDATE
     ), known AS (
       UPDATE agent SET status = 'OFFLINE', offline_since = now(), updated_at = now()
       WHERE id = ANY (ARRAY(SELECT id FROM locked))
     ), audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
       SELECT uuid7(), now(), $3, $4, 'agent.status', 'change', 'agent', agent_id::text,
         jsonb_build_object('status', before), jsonb_build_object('status', 'OFFLINE') FROM due
     )
     SELECT agent_id FROM due`,
    [shard, rules.offlineAfterSeconds, actor.type, actor.id],
  );
  if (rows.length === 0) return 0;
  const agentIds = rows.map((row) => row.agent_id);
  await moveTasks(client, {
    word: 'requeue',
    actor,
    pick: `SELECT id, status AS before_status FROM agent_task
      WHERE agent_id = ANY($3::uuid[]) AND status = 'ASSIGNED' ORDER BY id FOR UPDATE`,
    params: [agentIds],
    tell: 'now',
  });
  await client.query(
    `INSERT INTO offline_queue_item (id, agent_id, task_id, queued_at, retry_count, max_retries)
     SELECT uuid7(), agent_id, id, now(), retry_count, max_retries FROM (
       SELECT * FROM agent_task WHERE agent_id = ANY($1::uuid[]) AND status = 'PENDING' ORDER BY id FOR UPDATE) waiting
     ORDER BY queue_seq
     ON CONFLICT (task_id) WHERE delivered_at IS NULL DO NOTHING`,
    [agentIds],
  );
  await openAlerts(client, shard, agentIds, rules);
  return agentIds.length;
}

/** Alerts that are opened together are delivered together. */
async function openAlerts(
  client: PoolClient,
  shard: number,
  agentIds: readonly string[],
  rules: ExpiryRules,
): Promise<void> {
  await client.query(
    `WITH opened AS (INSERT INTO alert (id, kind, agent_id, opened_at, delivery, delivery_batch)
     SELECT uuid7(), 'agent_offline', id, now(), $2, $3 FROM agent
     WHERE id = ANY($1::uuid[]) AND tags ? 'critical' AND lower(tags ->> 'critical') NOT IN ('false', '0', 'no')
     ON CONFLICT (agent_id, kind) WHERE resolved_at IS NULL DO NOTHING RETURNING *)
     INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
     SELECT uuid7(), now(), 'workflow', $4, 'alert.open', 'change', 'alert', id::text, NULL,
       jsonb_build_object('open', true, 'kind', kind, 'agent_id', agent_id) FROM opened`,
    [agentIds, rules.alertsDelivered ? 'pending' : 'disabled', randomUUID(), agentPresenceWorkflowId(shard)],
  );
}

/** Found in the table and not remembered: the answer of the pass that opened them may have been lost. */
async function undeliveredBatches(pool: Pool, shard: number): Promise<string[]> {
  const { rows } = await pool.query<{ batch: string }>(
    `SELECT DISTINCT al.delivery_batch AS batch FROM alert al JOIN agent a ON a.id = al.agent_id
     WHERE a.presence_shard = $1 AND al.delivery = 'pending' AND al.delivery_attempts = 0`,
    [shard],
  );
  return rows.map((row) => row.batch);
}

/**
 * Nobody of the shard can expire sooner; an agent that comes online later has the whole silence before it. While
 * nobody listens, time stands still for agents: what they had left when they could last be heard.
 */
async function nextExpiryMs(
  pool: Pool,
  shard: number,
  rules: ExpiryRules,
  time: 'runs' | 'stands',
): Promise<number> {
  const from = time === 'runs' ? 'now()' : 'GREATEST(p.last_heartbeat_at, (SELECT alive_at FROM intake))';
  const { rows } = await pool.query<{ next_in_ms: number | null }>(
    `SELECT ceil(extract(epoch FROM min(${DEADLINE} - ${from})) * 1000)::bigint AS next_in_ms
     FROM agent_presence p WHERE p.shard = $1 AND p.status IN ('ONLINE', 'DEGRADED') AND NOT p.revoked`,
    [shard, rules.offlineAfterSeconds],
  );
  const next = rows[0]?.next_in_ms ?? Number.POSITIVE_INFINITY;
  const least = time === 'runs' ? MIN_PAUSE_MS : MIN_PAUSE_UNHEARD_MS;
  return Math.max(least, Math.min(next, rules.offlineAfterSeconds * 1_000));
}
