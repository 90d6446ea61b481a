import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { moveTasks } from '../agent-task/move.ts';
import { moveIncident } from './move.ts';
import { RUNNING_REMEDIES, workflowActor } from './records.ts';
import { type ApprovedScript, beginDevices, beginVerification } from './remedy-tasks.ts';
import type { IncidentRules } from './telling.ts';

/** A rollout that meets so many failures, and so large a share of them, goes no further. */
const STOP_AT_FAILURES = 3;
const STOP_AT_SHARE = 0.1;

/**
 * Takes an approved remedy as far as it can go now: reads what became of tasks, judges devices, begins the next ones
 * within the window, and says when all are done. Everything in one transaction under the incident's lock, so that it does
 * not matter who calls it how often.
 */
export function advanceRemedies(pool: Pool, id: string, rules: IncidentRules): Promise<void> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<IncidentRow>(
      `SELECT * FROM incident WHERE id = $1 AND status IN ('CANARY', 'ROLLOUT') FOR UPDATE`,
      [id],
    );
    const [incident] = rows;
    if (incident === undefined) return;
    const approved = await readApproved(client, incident);
    await readEnds(client, incident);
    const late = await giveUpLate(client, incident);
    const toVerify = await judgeScripts(client, incident, approved, rules);
    // At once and in their order: one after the other, they could be waited for in a circle with agents that come and go.
    await client.query('SELECT 1 FROM agent WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE', [
      toVerify.map(({ agent_id }) => agent_id),
    ]);
    for (const remedy of toVerify) await beginVerification(client, incident, approved, remedy);
    await judgeObserved(client, incident, rules);
    await conclude(client, incident, approved, rules);
    await cancelLate(client, incident, late);
  });
}

async function readApproved(client: PoolClient, incident: IncidentRow): Promise<ApprovedScript> {
  const { rows } = await client.query<ApprovedScript>(
    'SELECT interpreter, script, verification FROM incident_suggestion WHERE id = $1',
    [incident.approved_suggestion],
  );
  if (rows[0] === undefined) throw new Error(`Incident ${incident.id} was approved without a suggestion`);
  return rows[0];
}

/** Devices whose tasks ended badly, or are gone with their agent, have failed. */
async function readEnds(client: PoolClient, { id, decided_at }: IncidentRow): Promise<void> {
  await client.query(
    `UPDATE incident_remedy r SET state = 'FAILED', ended_at = now(), check_at = NULL,
       error = CASE WHEN t.id IS NULL THEN 'The device or its task was deleted'
         WHEN r.state = 'VERIFYING' THEN 'The check after the remedy ended ' || t.status || COALESCE(': ' || left(t.error_message, 1000), '')
         ELSE 'The remedy ended ' || t.status || COALESCE(': ' || left(t.error_message, 1000), '') END
     FROM incident_remedy r2 LEFT JOIN agent_task t
       ON t.id = CASE r2.state WHEN 'VERIFYING' THEN r2.verify_task_id ELSE r2.task_id END
     WHERE r.id = r2.id AND r2.incident_id = $1 AND r2.approved_at = $2 AND r2.state IN ('REMEDYING', 'VERIFYING')
       AND (t.id IS NULL OR t.status IN ('FAILED', 'TIMEOUT', 'CANCELLED'))`,
    [id, decided_at],
  );
}

/** A device that is not healthy within its time has failed. @returns their tasks */
async function giveUpLate(client: PoolClient, incident: IncidentRow): Promise<string[]> {
  const { rows } = await client.query<{ task_id: string | null }>(
    `UPDATE incident_remedy SET state = 'FAILED', ended_at = now(), check_at = NULL,
       error = CASE state WHEN 'OBSERVING' THEN 'The device was not heard after the remedy, within its time'
         ELSE 'Not remedied within its time' END
     WHERE incident_id = $1 AND approved_at = $2 AND state IN (${RUNNING_REMEDIES}) AND give_up_at <= now()
       AND NOT EXISTS (SELECT 1 FROM agent_task t WHERE t.status = 'COMPLETED'
         AND t.id = CASE state WHEN 'REMEDYING' THEN task_id WHEN 'VERIFYING' THEN verify_task_id END)
     RETURNING CASE WHEN verify_task_id IS NULL THEN task_id ELSE verify_task_id END AS task_id`,
    [incident.id, incident.decided_at],
  );
  return rows.flatMap((row) => row.task_id ?? []);
}

/** They must not run later, unwatched. Locks tasks, and so comes after all that locks agents. */
async function cancelLate(client: PoolClient, incident: IncidentRow, late: readonly string[]): Promise<void> {
  if (late.length === 0) return;
  await moveTasks(client, {
    word: 'cancel',
    actor: workflowActor(incident),
    pick: `SELECT id, status AS before_status FROM agent_task WHERE id = ANY($3::uuid[]) ORDER BY id FOR UPDATE`,
    set: `completed_at = now(), error_message = 'The incident waits for it no longer'`,
    params: [late],
    tell: 'now',
  });
}

export interface Verifiable {
  readonly id: string;
  readonly agent_id: string;
  readonly failed_task_id: string;
}

/** Of the scripts that succeeded, those whose device is now to be checked are answered; the others are observed. */
async function judgeScripts(
  client: PoolClient,
  incident: IncidentRow,
  approved: ApprovedScript,
  rules: IncidentRules,
): Promise<Verifiable[]> {
  const checked = incident.retry_failed_tasks || approved.verification !== null;
  const done = (state: 'REMEDYING' | 'VERIFYING', task: 'task_id' | 'verify_task_id') =>
    `r.incident_id = $1 AND r.approved_at = $2 AND r.state = '${state}' AND t.id = r.${task} AND t.status = 'COMPLETED'`;
  const observe = (state: 'REMEDYING' | 'VERIFYING', task: 'task_id' | 'verify_task_id') =>
    client.query(
      `UPDATE incident_remedy r SET state = 'OBSERVING', observed_from = t.completed_at,
         check_at = LEAST(give_up_at, t.completed_at + make_interval(secs => $3))
       FROM agent_task t WHERE ${done(state, task)}`,
      [incident.id, incident.decided_at, rules.observeSeconds],
    );
  await observe('VERIFYING', 'verify_task_id');
  if (!checked) {
    await observe('REMEDYING', 'task_id');
    return [];
  }
  const { rows } = await client.query<Verifiable>(
    `SELECT r.id, r.agent_id, r.failed_task_id FROM incident_remedy r, agent_task t
     WHERE ${done('REMEDYING', 'task_id')} ORDER BY r.id`,
    [incident.id, incident.decided_at],
  );
  return rows;
}

/** Healthy is who was heard after the remedy and has not failed in the same way again, for so long as it is watched. */
async function judgeObserved(client: PoolClient, incident: IncidentRow, rules: IncidentRules): Promise<void> {
  await client.query(
    `UPDATE incident_remedy r SET
       state = CASE WHEN again THEN 'FAILED' WHEN heard THEN 'HEALTHY' ELSE r.state END,
       error = CASE WHEN again THEN 'The failure came back after the remedy' END,
       ended_at = CASE WHEN again OR heard THEN now() END,
       check_at = CASE WHEN again OR heard THEN NULL ELSE LEAST(r.give_up_at, now() + make_interval(secs => $3)) END
     FROM (
       SELECT o.id, o.check_at <= now() AS due,
         EXISTS (SELECT 1 FROM incident_occurrence c WHERE c.incident_id = o.incident_id AND c.agent_id = o.agent_id
           AND c.failed_at > o.observed_from) AS again,
         EXISTS (SELECT 1 FROM agent_presence p WHERE p.agent_id = o.agent_id AND p.last_heartbeat_at > o.observed_from)
           AS heard
       FROM incident_remedy o WHERE o.incident_id = $1 AND o.approved_at = $2 AND o.state = 'OBSERVING'
     ) seen WHERE r.id = seen.id AND (seen.due OR seen.again)`,
    [incident.id, incident.decided_at, rules.observeSeconds],
  );
}

interface Count {
  readonly waiting: number;
  readonly running: number;
  readonly healthy: number;
  readonly failed: number;
  readonly canary: string | null;
}

async function count(client: PoolClient, { id, decided_at }: IncidentRow): Promise<Count> {
  const { rows } = await client.query<Count>(
    `SELECT count(*) FILTER (WHERE state = 'WAITING')::int AS waiting,
       count(*) FILTER (WHERE state IN (${RUNNING_REMEDIES}))::int AS running,
       count(*) FILTER (WHERE state = 'HEALTHY')::int AS healthy,
       count(*) FILTER (WHERE state = 'FAILED')::int AS failed, max(state) FILTER (WHERE canary) AS canary
     FROM incident_remedy WHERE incident_id = $1 AND approved_at = $2`,
    [id, decided_at],
  );
  return rows[0] ?? { waiting: 0, running: 0, healthy: 0, failed: 0, canary: null };
}

async function conclude(
  client: PoolClient,
  incident: IncidentRow,
  approved: ApprovedScript,
  rules: IncidentRules,
): Promise<void> {
  const now = await count(client, incident);
  const begin = (limit: number, seconds: number) => beginDevices(client, incident, approved, limit, seconds);
  if (incident.status === 'CANARY' && now.canary !== 'HEALTHY') {
    if (now.canary === 'FAILED')
      await fallBack(client, incident, now, 'The remedy failed on the first device');
    else if (now.running === 0) await begin(1, rules.canarySeconds);
    return;
  }
  const stopped = now.failed >= STOP_AT_FAILURES && now.failed > STOP_AT_SHARE * (now.failed + now.healthy);
  if (incident.status === 'CANARY' && now.waiting > 0) {
    await moveIncident(client, {
      word: 'roll_out',
      id: incident.id,
      actor: workflowActor(incident),
      told: { devices: now.waiting },
      tell: 'no',
    });
  }
  if (now.waiting > 0 && !stopped) {
    const room = rules.rolloutWindow - now.running;
    if (room > 0) await begin(room, rules.remedySeconds);
    return;
  }
  if (now.running > 0) return;
  if (now.failed > 0) {
    await fallBack(
      client,
      incident,
      now,
      stopped && now.waiting > 0
        ? `The remedy failed on ${now.failed} devices and was stopped`
        : `The remedy failed on ${now.failed} of ${now.failed + now.healthy} devices`,
    );
    return;
  }
  const joined = await joinedMeanwhile(client, incident);
  if (joined > 0) {
    await fallBack(client, incident, now, `${joined} more devices failed alike since the approval`);
    return;
  }
  await moveIncident(client, {
    word: 'resolve',
    id: incident.id,
    actor: workflowActor(incident),
    set: `outcome = 'RESOLVED', closed_at = now()`,
    told: { healthy: now.healthy },
    tell: 'no',
  });
}

/** Devices that failed so and were not part of the approval. */
async function joinedMeanwhile(client: PoolClient, incident: IncidentRow): Promise<number> {
  const { rows } = await client.query<{ joined: number }>(
    `SELECT count(DISTINCT o.agent_id)::int AS joined FROM incident_occurrence o JOIN agent a ON a.id = o.agent_id
     WHERE o.incident_id = $1 AND a.revoked_at IS NULL AND NOT EXISTS (
       SELECT 1 FROM incident_remedy r WHERE r.incident_id = $1 AND r.agent_id = o.agent_id AND r.state = 'HEALTHY'
         AND r.ended_at >= o.failed_at)`,
    [incident.id],
  );
  return rows[0]?.joined ?? 0;
}

/** Back to a person, who sees why; devices whose turn did not come are left as they are. */
async function fallBack(
  client: PoolClient,
  incident: IncidentRow,
  { healthy, failed }: Count,
  why: string,
): Promise<void> {
  await client.query(
    `UPDATE incident_remedy SET state = 'SKIPPED', ended_at = now()
     WHERE incident_id = $1 AND approved_at = $2 AND state = 'WAITING'`,
    [incident.id, incident.decided_at],
  );
  await moveIncident(client, {
    word: 'fall_back',
    id: incident.id,
    actor: workflowActor(incident),
    // What failed is no longer what one would choose without looking.
    set: `waiting_since = now(), reminders = 0, preselected_suggestion = NULL, advice = $5`,
    params: [why],
    told: { reason: why, healthy, failed },
    tell: 'no',
  });
}
