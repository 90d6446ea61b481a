import type { PoolClient } from 'pg';
import type { DeployPayload } from '../../../contracts/agent-task/payload.ts';
import { DEFAULT_MAX_RETRIES } from '../../../contracts/agent-task/task.ts';
import { UNTOUCHED_KINDS } from '../../../contracts/deployment/states.ts';
import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import { lockName } from '../../advisory-locks.ts';
import type { DeploymentRow } from '../../models/deployment.ts';
import { insertTasks, type Origin } from '../agent-task/creation.ts';
import { moveTasks } from '../agent-task/move.ts';

/** In which zone a device `a` lives: its tag, or what it says of itself; else the deployment's, `$ZONE`. */
const ZONE = `COALESCE(NULLIF(a.tags ->> 'timezone', ''), NULLIF(a.metadata ->> 'timezone', ''), $ZONE)`;
const zone = (param: string) => ZONE.replace('$ZONE', param);
const REACHABLE = `a.status IN ('ONLINE', 'DEGRADED') AND a.revoked_at IS NULL`;

/**
 * A device on which another deployment of the package has a task waits until that has ended. What is seen of others holds
 * for whose turn it is, by {@link takeTurn}.
 */
const IS_FREE = `NOT EXISTS (SELECT FROM deployment_device o WHERE o.agent_id = d.agent_id
  AND o.package_name = d.package_name AND o.state IN ('DISPATCHED', 'ROLLING_BACK') AND o.deployment_id <> d.deployment_id)`;

export const originOf = (deployment: DeploymentRow): Origin => ({
  actor: { type: 'workflow', id: deploymentWorkflowId(deployment.id) },
  correlationId: deployment.correlation_id,
});

/** Time zones of the devices that wait in the rings up to `ring`. */
export async function waitingZones(
  client: PoolClient,
  deployment: DeploymentRow,
  ring: number,
): Promise<string[]> {
  const { rows } = await client.query<{ zone: string }>(
    `SELECT DISTINCT ${zone('$3')} AS zone FROM deployment_device d JOIN agent a ON a.id = d.agent_id
     WHERE d.deployment_id = $1 AND d.state = 'WAITING' AND d.ring <= $2 AND ${REACHABLE}`,
    [deployment.id, ring, deployment.plan.time_zone],
  );
  return rows.map((row) => row.zone);
}

/** Room for further tasks: by devices at work that can be reached, and by tasks of the last minute. */
export interface Room {
  readonly tasks: number;
  /** The same without the rate cap, which does not hold rollbacks. */
  readonly at_once: number;
  /** When the rate cap lets the next task through, in milliseconds; 0 when it does not hold anything back. */
  readonly capped_ms: number;
}

export async function roomFor(client: PoolClient, deployment: DeploymentRow): Promise<Room> {
  const { plan, conditions } = deployment;
  const perMinute = Math.min(plan.max_per_minute, conditions?.max_per_minute ?? Number.POSITIVE_INFINITY);
  const { rows } = await client.query<{ at_work: number; of_minute: number; oldest_ms: number | null }>(
    `SELECT (SELECT count(*) FROM deployment_device d JOIN agent a ON a.id = d.agent_id
         WHERE d.deployment_id = $1 AND d.state IN ('DISPATCHED', 'ROLLING_BACK') AND ${REACHABLE}) AS at_work,
       count(*) AS of_minute, (extract(epoch FROM min(dispatched_at) + interval '1 minute' - now()) * 1000)::float8 AS oldest_ms
     FROM deployment_device WHERE deployment_id = $1 AND dispatched_at > now() - interval '1 minute'`,
    [deployment.id],
  );
  const { at_work = 0, of_minute = 0, oldest_ms = null } = rows[0] ?? {};
  const capped = of_minute >= perMinute;
  const at_once = Math.max(0, plan.max_in_flight - at_work);
  return {
    at_once,
    tasks: Math.max(0, Math.min(at_once, perMinute - of_minute)),
    capped_ms: capped ? Math.max(1, Math.ceil(oldest_ms ?? 0)) : 0,
  };
}

/**
 * Waits until no other deployment of the package gives out tasks, and keeps others from it until the transaction ends: two at
 * once would both find the same devices free.
 */
export function takeTurn(client: PoolClient, { platform, package_name }: DeploymentRow): Promise<void> {
  return lockName(client, `tasks of ${platform} ${package_name}`);
}

const UNTOUCHED = UNTOUCHED_KINDS.map((kind) => `'${kind}'`).join(', ');
/** Whether the last attempt on a device, or one before it, may have changed it. */
const TOUCHED_BY_ATTEMPTS = `(d.touched_before OR COALESCE(d.failure_kind NOT IN (${UNTOUCHED}), false))`;

/**
 * Gives tasks to the next devices that wait, can be reached and are in an open zone, in the order of rings. What they
 * are like before is noted, for the health gates.
 *
 * @returns how many got one
 */
export async function dispatch(
  client: PoolClient,
  deployment: DeploymentRow,
  payload: DeployPayload,
  { ring, zones, limit }: { ring: number; zones: readonly string[]; limit: number },
): Promise<number> {
  const { rows } = await client.query<{ agent_id: string }>(
    `SELECT d.agent_id FROM deployment_device d JOIN agent a ON a.id = d.agent_id
     WHERE d.deployment_id = $1 AND d.state = 'WAITING' AND d.ring <= $2 AND ${REACHABLE} AND ${zone('$3')} = ANY($4::text[]) AND ${IS_FREE}
     ORDER BY d.ring, d.sort LIMIT $5`,
    [deployment.id, ring, deployment.plan.time_zone, zones, limit],
  );
  if (rows.length === 0) return 0;
  const made = await giveTasks(
    client,
    deployment,
    payload,
    rows.map((row) => row.agent_id),
  );
  await client.query(
    `UPDATE deployment_device d SET state = 'DISPATCHED', task_id = made.task_id, attempts = d.attempts + 1,
       dispatched_at = now(), settled_at = NULL, touched_before = ${TOUCHED_BY_ATTEMPTS}, failure_kind = NULL, reason = NULL,
       status_before = a.status, cpu_before = m.cpu, memory_before = m.memory
     FROM unnest($2::uuid[], $3::uuid[]) AS made(agent_id, task_id)
     JOIN agent a ON a.id = made.agent_id
     CROSS JOIN LATERAL (SELECT avg(cpu_percent) AS cpu, avg(memory_percent) AS memory FROM telemetry t
       WHERE t.agent_id = made.agent_id AND t.collected_at > now() - interval '1 hour' AND t.collected_at <= now()) m
     WHERE d.deployment_id = $1 AND d.agent_id = made.agent_id`,
    [deployment.id, made.map((task) => task.agent_id), made.map((task) => task.id)],
  );
  return made.length;
}

/**
 * Devices need no lock: only looks change them, and agents that are deleted. Those are locked here, in one order whatever the
 * devices' own; who was deleted or revoked meanwhile gets nothing, and who went out of reach gets it later.
 */
function giveTasks(
  client: PoolClient,
  deployment: DeploymentRow,
  payload: DeployPayload,
  agentIds: readonly string[],
) {
  return insertTasks(
    client,
    agentIds,
    {
      task_type: 'DEPLOY',
      payload,
      timeout_seconds: deployment.plan.timeout_seconds,
      max_retries: DEFAULT_MAX_RETRIES,
    },
    originOf(deployment),
    'id, agent_id',
  );
}

/** `unreachable`: nobody is to begin at a time of which nobody knows whether it fits. */
const RECALLED = {
  all: `t.status IN ('PENDING', 'ASSIGNED')`,
  unreachable: `t.status = 'PENDING' AND a.status NOT IN ('ONLINE', 'DEGRADED')`,
} as const;

/**
 * Takes back tasks that their agents have not begun; those devices wait again as if they had never been asked.
 *
 * @returns how many were taken back
 */
export async function recall(
  client: PoolClient,
  deployment: DeploymentRow,
  which: keyof typeof RECALLED,
): Promise<number> {
  const cancelled = await moveTasks(client, {
    word: 'cancel',
    actor: originOf(deployment).actor,
    pick: `SELECT t.id, t.status AS before_status FROM deployment_device d JOIN agent_task t ON t.id = d.task_id
       JOIN agent a ON a.id = d.agent_id
       WHERE d.deployment_id = $3 AND d.state = 'DISPATCHED' AND ${RECALLED[which]} ORDER BY t.id FOR UPDATE OF t`,
    set: 'completed_at = now()',
    params: [deployment.id],
    tell: 'now',
  });
  if (cancelled.length === 0) return 0;
  await client.query(
    `UPDATE deployment_device SET state = 'WAITING', attempts = attempts - 1, task_id = NULL, dispatched_at = NULL
     WHERE deployment_id = $1 AND state = 'DISPATCHED' AND task_id = ANY($2::uuid[])`,
    [deployment.id, cancelled.map((task) => task.id)],
  );
  return cancelled.length;
}

/** Devices that the package may have changed and that have not been taken back. */
const TOUCHED = `(d.state IN ('INSTALLED', 'SICK') OR (d.state IN ('FAILED', 'WAITING', 'SKIPPED') AND ${TOUCHED_BY_ATTEMPTS}))`;

/**
 * Touched devices stay as they are, for nobody can tell them how to go back.
 *
 * @returns how many
 */
export async function failRollback(
  client: PoolClient,
  deploymentId: string,
  reason: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET state = 'ROLLBACK_FAILED', reason = $2, settled_at = now()
     FROM agent a WHERE d.deployment_id = $1 AND ${TOUCHED} AND a.id = d.agent_id AND a.revoked_at IS NULL`,
    [deploymentId, reason],
  );
  return rowCount ?? 0;
}

/**
 * Has touched devices go back, whether they can be reached now or not: their tasks wait for them.
 *
 * @returns how many got a task
 */
export async function dispatchRollback(
  client: PoolClient,
  deployment: DeploymentRow,
  payload: DeployPayload,
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ agent_id: string }>(
    `SELECT d.agent_id FROM deployment_device d JOIN agent a ON a.id = d.agent_id
     WHERE d.deployment_id = $1 AND ${TOUCHED} AND a.revoked_at IS NULL AND ${IS_FREE}
     ORDER BY d.ring, d.sort LIMIT $2`,
    [deployment.id, limit],
  );
  if (rows.length === 0) return 0;
  const made = await giveTasks(
    client,
    deployment,
    payload,
    rows.map((row) => row.agent_id),
  );
  await client.query(
    `UPDATE deployment_device d SET state = 'ROLLING_BACK', rollback_task_id = made.task_id
     FROM unnest($2::uuid[], $3::uuid[]) AS made(agent_id, task_id)
     WHERE d.deployment_id = $1 AND d.agent_id = made.agent_id`,
    [deployment.id, made.map((task) => task.agent_id), made.map((task) => task.id)],
  );
  return made.length;
}

/** What a rollback has still to do. */
export async function rollbackLeft(
  client: PoolClient,
  deploymentId: string,
): Promise<{ touched: number; dispatched: number; going: number; unreachable: number }> {
  const { rows } = await client.query<{
    touched: number;
    dispatched: number;
    going: number;
    unreachable: number;
  }>(
    `SELECT count(*) FILTER (WHERE ${TOUCHED} AND a.revoked_at IS NULL) AS touched,
       count(*) FILTER (WHERE d.state = 'DISPATCHED') AS dispatched,
       count(*) FILTER (WHERE d.state = 'ROLLING_BACK') AS going,
       count(*) FILTER (WHERE d.state = 'ROLLING_BACK' AND a.status NOT IN ('ONLINE', 'DEGRADED')) AS unreachable
     FROM deployment_device d JOIN agent a ON a.id = d.agent_id WHERE d.deployment_id = $1`,
    [deploymentId],
  );
  return rows[0] ?? { touched: 0, dispatched: 0, going: 0, unreachable: 0 };
}
