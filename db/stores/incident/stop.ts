import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../../database.ts';
import { moveTasks } from '../agent-task/move.ts';
import { type Decider, type DecisionAnswer, refusalOf } from './decisions.ts';
import { type MovedIncident, moveIncident } from './move.ts';
import { RUNNING_REMEDIES } from './records.ts';

/**
 * Stops an approved remedy where it stands, on the first device or on the others. Devices whose turn has not come get
 * nothing, open tasks are cancelled, and a person decides anew. What scripts have done stays; a device that was healthy
 * by now stays so. All in one transaction under the incident's lock, as the rollout's own steps are.
 */
export function stopRemedies(
  pool: Pool,
  id: string,
  reason: string,
  decider: Decider,
): Promise<DecisionAnswer> {
  return inTransaction(pool, async (client): Promise<DecisionAnswer> => {
    const moved = await moveIncident(client, {
      word: 'stop',
      id,
      actor: decider.actor,
      // What somebody stopped is no longer what one would choose without looking.
      set: `waiting_since = now(), reminders = 0, preselected_suggestion = NULL, advice = $5`,
      params: [`Stopped by ${decider.actor.id}: ${reason}`],
      told: { reason },
      correlationId: decider.correlationId,
      tell: 'now',
    });
    if (moved === undefined) return refusalOf(client, id);
    await endDevices(client, moved);
    await cancelTasks(client, moved, decider);
    return { kind: 'decided' };
  });
}

async function endDevices(client: PoolClient, { id, decided_at }: MovedIncident): Promise<void> {
  await client.query(
    `UPDATE incident_remedy SET state = CASE state WHEN 'WAITING' THEN 'SKIPPED' ELSE 'STOPPED' END, ended_at = now(),
       check_at = NULL
     WHERE incident_id = $1 AND approved_at = $2 AND state IN ('WAITING', ${RUNNING_REMEDIES})`,
    [id, decided_at],
  );
}

async function cancelTasks(
  client: PoolClient,
  { id, decided_at }: MovedIncident,
  decider: Decider,
): Promise<void> {
  await moveTasks(client, {
    word: 'cancel',
    actor: decider.actor,
    pick: `SELECT t.id, t.status AS before_status FROM agent_task t WHERE t.id IN (
        SELECT unnest(ARRAY[task_id, verify_task_id]) FROM incident_remedy
        WHERE incident_id = $3 AND approved_at = $4 AND state = 'STOPPED') ORDER BY t.id FOR UPDATE`,
    set: `completed_at = now(), error_message = 'The remedy was stopped'`,
    params: [id, decided_at],
    correlationId: decider.correlationId,
    tell: 'now',
  });
}
