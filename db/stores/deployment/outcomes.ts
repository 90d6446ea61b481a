import type { PoolClient } from 'pg';
import { MAX_RETRIES_EXCEEDED } from '../../../contracts/agent-task/states.ts';
import type { Gates } from '../../../contracts/deployment/rings.ts';
import { AGENT_FAILURE_KINDS } from '../../../contracts/deployment/states.ts';
import type { DeploymentRow } from '../../models/deployment.ts';

const KINDS = AGENT_FAILURE_KINDS.map((kind) => `'${kind}'`).join(', ');
const ENDED = `('COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED')`;
/** Why a task `t` did not end well. */
const FAILURE_KIND = `CASE t.status WHEN 'COMPLETED' THEN NULL WHEN 'TIMEOUT' THEN 'timeout' WHEN 'CANCELLED' THEN 'cancelled'
  ELSE CASE WHEN t.error_message = '${MAX_RETRIES_EXCEEDED}' AND t.result IS NULL THEN 'lost'
    WHEN t.result ->> 'failure_kind' IN (${KINDS}) THEN t.result ->> 'failure_kind' ELSE 'other' END END`;

/**
 * Takes over how the tasks of devices ended. Who has attempts left goes back into the queue; who does not meet the
 * package's requirements is left out.
 *
 * @returns how many devices moved
 */
export async function settleTasks(client: PoolClient, deployment: DeploymentRow): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET
       state = CASE WHEN e.kind IS NULL THEN 'INSTALLED' WHEN e.kind = 'requirements' THEN 'SKIPPED'
         WHEN d.attempts < COALESCE(($2::jsonb ->> e.kind)::int, 1) AND $3 THEN 'WAITING' ELSE 'FAILED' END,
       failure_kind = e.kind, reason = left(e.error_message, 1000), settled_at = COALESCE(e.completed_at, now())
     FROM (
       SELECT d.agent_id, t.error_message, t.completed_at, ${FAILURE_KIND} AS kind
       FROM deployment_device d JOIN agent_task t ON t.id = d.task_id
       WHERE d.deployment_id = $1 AND d.state = 'DISPATCHED' AND t.status IN ${ENDED}
     ) e
     WHERE d.deployment_id = $1 AND d.agent_id = e.agent_id AND d.state = 'DISPATCHED'`,
    [
      deployment.id,
      JSON.stringify(deployment.plan.attempts),
      // Nobody is tried again once it is over.
      ['ROLLING_OUT', 'PAUSED', 'COMPLETED'].includes(deployment.status),
    ],
  );
  return (rowCount ?? 0) + (await leaveRevokedOut(client, deployment.id));
}

/** Devices whose agents were revoked get nothing any more; their tasks have been ended with them. */
async function leaveRevokedOut(client: PoolClient, deploymentId: string): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET state = 'SKIPPED', reason = 'The agent was revoked', settled_at = now()
     FROM agent a WHERE d.deployment_id = $1 AND d.state = 'WAITING' AND a.id = d.agent_id AND a.revoked_at IS NOT NULL`,
    [deploymentId],
  );
  return rowCount ?? 0;
}

/** Takes over how rollback tasks ended. */
export async function settleRollbackTasks(client: PoolClient, deploymentId: string): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET state = CASE t.status WHEN 'COMPLETED' THEN 'ROLLED_BACK' ELSE 'ROLLBACK_FAILED' END,
       reason = COALESCE(left(t.error_message, 1000), d.reason), settled_at = COALESCE(t.completed_at, now())
     FROM agent_task t
     WHERE d.deployment_id = $1 AND d.state = 'ROLLING_BACK' AND t.id = d.rollback_task_id AND t.status IN ${ENDED}`,
    [deploymentId],
  );
  return rowCount ?? 0;
}

/**
 * Takes over how rollback tasks ended of deployments that nobody looks at any more: they are settled while devices are
 * out of reach, and those would stay at work for ever. Tasks that were cleaned away are not known to have succeeded.
 *
 * @param packageName of deployments of one package; by default of all
 */
export async function settleLeftBehind(client: PoolClient, packageName?: string): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET state = CASE e.status WHEN 'COMPLETED' THEN 'ROLLED_BACK' ELSE 'ROLLBACK_FAILED' END,
       reason = COALESCE(left(e.error_message, 1000), d.reason), settled_at = COALESCE(e.completed_at, now())
     FROM (
       SELECT o.deployment_id, o.agent_id, t.status, t.error_message, t.completed_at
       FROM deployment_intent i JOIN deployment_device o ON o.deployment_id = i.id AND o.state = 'ROLLING_BACK'
       LEFT JOIN agent_task t ON t.id = o.rollback_task_id
       WHERE i.status <> 'ROLLING_BACK' AND ($1::text IS NULL OR i.package_name = $1)
         AND (t.id IS NULL OR t.status IN ${ENDED})
       ORDER BY 1, 2 FOR UPDATE OF o SKIP LOCKED
     ) e WHERE d.deployment_id = e.deployment_id AND d.agent_id = e.agent_id`,
    [packageName ?? null],
  );
  return rowCount ?? 0;
}

/** Samples older than this say nothing of how a device is now. */
const RECENT = `interval '1 hour'`;

/**
 * Looks at the devices of a ring that have the package: who went silent, is DEGRADED and was not before, or needs much
 * more processor or memory than in the hour before, is sick.
 *
 * @param recent only devices that came after a moment and have had the package for no longer than so many seconds
 * @returns how many became sick
 */
export async function findSick(
  client: PoolClient,
  deploymentId: string,
  ring: number,
  { health }: Gates,
  recent?: { readonly joinedAfter: Date; readonly seconds: number },
): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE deployment_device d SET state = 'SICK', reason = s.reason FROM (
       SELECT agent_id, CASE
         WHEN $3 AND status NOT IN ('ONLINE', 'DEGRADED') THEN 'The agent went ' || status || ' after the install'
         WHEN $4 AND status = 'DEGRADED' AND status_before = 'ONLINE' THEN 'The agent became DEGRADED after the install'
         WHEN cpu_samples >= $7 AND cpu - cpu_before > $5 THEN
           format('The processor is at %s %% after the install, %s %% before', round(cpu::numeric), round(cpu_before::numeric))
         WHEN memory_samples >= $7 AND memory - memory_before > $6 THEN
           format('The memory is at %s %% after the install, %s %% before', round(memory::numeric), round(memory_before::numeric))
         END AS reason
       FROM (
         SELECT d.agent_id, d.status_before, d.cpu_before, d.memory_before, a.status, m.*
         FROM deployment_device d JOIN agent a ON a.id = d.agent_id
         CROSS JOIN LATERAL (
           SELECT count(cpu_percent) AS cpu_samples, avg(cpu_percent) AS cpu,
             count(memory_percent) AS memory_samples, avg(memory_percent) AS memory
           FROM telemetry t WHERE t.agent_id = d.agent_id
             AND t.collected_at > d.settled_at AND t.collected_at > now() - ${RECENT}
         ) m
         WHERE d.deployment_id = $1 AND d.state = 'INSTALLED' AND d.ring = $2
           AND ($8::timestamptz IS NULL OR (d.joined_at > $8 AND d.settled_at > now() - make_interval(secs => $9)))
       ) seen
     ) s
     WHERE s.reason IS NOT NULL AND d.deployment_id = $1 AND d.agent_id = s.agent_id AND d.state = 'INSTALLED'`,
    [
      deploymentId,
      ring,
      health.offline_is_sick,
      health.degraded_is_sick,
      health.max_cpu_increase,
      health.max_memory_increase,
      health.min_samples,
      recent?.joinedAfter ?? null,
      recent?.seconds ?? null,
    ],
  );
  return rowCount ?? 0;
}
