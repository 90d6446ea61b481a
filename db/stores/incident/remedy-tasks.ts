import type { PoolClient } from 'pg';
import { DEFAULT_MAX_RETRIES } from '../../../contracts/agent-task/task.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { insertTasks, type Origin } from '../agent-task/creation.ts';
import { workflowActor } from './records.ts';
import type { Verifiable } from './remedies.ts';

export interface ApprovedScript {
  readonly interpreter: string;
  readonly script: string;
  readonly verification: string | null;
}

/** A script has less time than its task, so that its agent can tell that it took too long. */
const SCRIPT_SECONDS = 600;
const TASK_SECONDS = 900;

const originOf = (incident: IncidentRow): Origin => ({
  actor: workflowActor(incident),
  correlationId: incident.correlation_id,
});

const remediation = (interpreter: string, script: string) => ({
  task_type: 'REMEDIATE' as const,
  payload: { interpreter, script, time_limit_seconds: SCRIPT_SECONDS },
  timeout_seconds: TASK_SECONDS,
  max_retries: DEFAULT_MAX_RETRIES,
});

/** Gives the next devices the approved script, those that can be reached first. Those that were revoked fail. */
export async function beginDevices(
  client: PoolClient,
  incident: IncidentRow,
  approved: ApprovedScript,
  limit: number,
  seconds: number,
): Promise<void> {
  const { rows } = await client.query<{ id: string; agent_id: string; gone: boolean }>(
    `SELECT r.id, r.agent_id, a.id IS NULL OR a.revoked_at IS NOT NULL AS gone
     FROM incident_remedy r LEFT JOIN agent a ON a.id = r.agent_id
     WHERE r.incident_id = $1 AND r.approved_at = $2 AND r.state = 'WAITING'
     ORDER BY r.canary DESC, a.status IN ('ONLINE', 'DEGRADED') DESC NULLS LAST, r.id LIMIT $3 FOR UPDATE OF r`,
    [incident.id, incident.decided_at, limit],
  );
  const agents = rows.filter(({ gone }) => !gone).map(({ agent_id }) => agent_id);
  const tasks = await insertTasks(
    client,
    agents,
    remediation(approved.interpreter, approved.script),
    originOf(incident),
  );
  const taskOf = new Map(tasks.map((task) => [task.agent_id, task.id]));
  await client.query(
    `UPDATE incident_remedy r SET began_at = now(), task_id = b.task_id,
       state = CASE WHEN b.task_id IS NULL THEN 'FAILED' ELSE 'REMEDYING' END,
       error = CASE WHEN b.task_id IS NULL THEN 'The device was revoked or deleted' END,
       ended_at = CASE WHEN b.task_id IS NULL THEN now() END,
       give_up_at = now() + make_interval(secs => $3),
       check_at = CASE WHEN b.task_id IS NULL THEN NULL ELSE now() + make_interval(secs => $3) END
     FROM unnest($1::uuid[], $2::uuid[]) AS b(id, task_id) WHERE r.id = b.id`,
    [rows.map(({ id }) => id), rows.map(({ agent_id }) => taskOf.get(agent_id) ?? null), seconds],
  );
}

/** Has a remedied device checked: by the failed task, done again, or by the script that the suggestion has for it. */
export async function beginVerification(
  client: PoolClient,
  incident: IncidentRow,
  approved: ApprovedScript,
  { id, agent_id, failed_task_id }: Verifiable,
): Promise<void> {
  const origin = originOf(incident);
  const content = incident.retry_failed_tasks
    ? await contentOf(client, failed_task_id)
    : remediation(approved.interpreter, approved.verification ?? '');
  const [task] =
    content === undefined
      ? []
      : await insertTasks(
          client,
          [agent_id],
          content,
          incident.retry_failed_tasks ? { ...origin, retryOf: failed_task_id } : origin,
        );
  await client.query(
    `UPDATE incident_remedy SET verify_task_id = $2, state = CASE WHEN $2::uuid IS NULL THEN 'FAILED' ELSE 'VERIFYING' END,
       error = CASE WHEN $2::uuid IS NULL THEN 'The failed task was deleted, or its device was revoked' END,
       ended_at = CASE WHEN $2::uuid IS NULL THEN now() END, check_at = CASE WHEN $2::uuid IS NULL THEN NULL ELSE give_up_at END
     WHERE id = $1`,
    [id, task?.id ?? null],
  );
}

async function contentOf(client: PoolClient, taskId: string) {
  const { rows } = await client.query<Parameters<typeof insertTasks>[2]>(
    'SELECT task_type, payload, timeout_seconds, max_retries FROM agent_task WHERE id = $1',
    [taskId],
  );
  return rows[0];
}
