import type { Pool } from 'pg';
import type { TaskSnapshot } from '../../../contracts/agent-task/snapshot.ts';
import {
  MAX_RETRIES_EXCEEDED,
  type TaskStatus,
  type TaskType,
} from '../../../contracts/agent-task/states.ts';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';
import { inTransaction, prepared } from '../../database.ts';
import { isoOrNull } from '../keyset.ts';
import { moveTasks } from './move.ts';

export interface TaskTimers {
  /** Seconds after a hand-over without a start at which it counts as lost. */
  readonly handoverSeconds: number;
}

/** Condition and moment of the two timers of a task, by the database's clock. */
const HANDOVER_DUE = `assigned_at + make_interval(secs => $HANDOVER)`;
const TIMEOUT_DUE = `started_at + make_interval(secs => timeout_seconds)`;

/**
 * Puts back a task whose hand-over is overdue, or fails it when its retries are used up. Called by the task's
 * workflow when its timer fires; does nothing if the agent has started meanwhile or the time has not come.
 */
export async function requeueLostHandover(pool: Pool, taskId: string, timers: TaskTimers): Promise<void> {
  const actor = { type: 'workflow', id: agentTaskWorkflowId(taskId) } as const;
  const pick = (more: string) =>
    `SELECT id, status AS before_status FROM agent_task
     WHERE id = $3 AND ${HANDOVER_DUE.replace('$HANDOVER', '$4')} <= now() AND ${more} FOR UPDATE`;
  const params = [taskId, timers.handoverSeconds];
  const given = await moveTasks(pool, {
    word: 'give_up',
    actor,
    pick: pick('retry_count >= max_retries'),
    set: `error_message = '${MAX_RETRIES_EXCEEDED}', completed_at = now()`,
    params,
    tell: 'no',
    often: true,
    queue: 'drop',
  });
  if (given.length > 0) return;
  await inTransaction(pool, async (client) => {
    // Locked before its task, as expiry does: whether it can be reached stays as the next statement sees it.
    await client.query(
      prepared('SELECT 1 FROM agent WHERE id = (SELECT agent_id FROM agent_task WHERE id = $1) FOR SHARE', [
        taskId,
      ]),
    );
    await moveTasks(client, {
      word: 'requeue',
      actor,
      pick: pick('retry_count < max_retries'),
      set: 'retry_count = t.retry_count + 1',
      params,
      tell: 'no',
      often: true,
      queue: 'enqueue',
    });
  });
}

/** Ends a started task whose time is over; does nothing if it has ended meanwhile or the time has not come. */
export async function timeOutTask(pool: Pool, taskId: string): Promise<void> {
  await moveTasks(pool, {
    word: 'time_out',
    actor: { type: 'workflow', id: agentTaskWorkflowId(taskId) },
    pick: `SELECT id, status AS before_status FROM agent_task WHERE id = $3 AND ${TIMEOUT_DUE} <= now() FOR UPDATE`,
    set: `error_message = 'Not finished within ' || t.timeout_seconds || ' seconds', completed_at = now()`,
    params: [taskId],
    tell: 'no',
    often: true,
    queue: 'drop',
  });
}

interface SnapshotRow {
  task_id: string;
  agent_id: string;
  platform: string;
  task_type: TaskType;
  status: TaskStatus;
  version: number;
  retry_count: number;
  max_retries: number;
  agent_online: boolean;
  due_in_ms: number | null;
  due_at: Date | null;
  correlation_id: string;
}

/** Tasks as their workflows see them; those that no longer exist are left out. */
export async function readSnapshots(
  pool: Pool,
  taskIds: readonly string[],
  timers: TaskTimers,
): Promise<TaskSnapshot[]> {
  const { rows } = await pool.query<SnapshotRow>(
    prepared(
      `SELECT t.id AS task_id, t.agent_id, a.platform, t.task_type, t.status, t.version, t.retry_count, t.max_retries,
       a.status IN ('ONLINE', 'DEGRADED') AS agent_online, t.correlation_id,
       CASE t.status
         WHEN 'ASSIGNED' THEN ${millisecondsUntil(HANDOVER_DUE.replace('$HANDOVER', '$2'))}
         WHEN 'IN_PROGRESS' THEN ${millisecondsUntil(TIMEOUT_DUE)}
       END AS due_in_ms,
       CASE t.status
         WHEN 'ASSIGNED' THEN ${HANDOVER_DUE.replace('$HANDOVER', '$2')}
         WHEN 'IN_PROGRESS' THEN ${TIMEOUT_DUE}
       END AS due_at
     FROM agent_task t JOIN agent a ON a.id = t.agent_id WHERE t.id = ANY($1::uuid[])`,
      [taskIds, timers.handoverSeconds],
    ),
  );
  return rows.map((row) => ({ ...row, due_at: isoOrNull(row.due_at) }));
}

const millisecondsUntil = (moment: string): string =>
  `GREATEST(0, ceil(extract(epoch FROM ${moment} - now()) * 1000))::bigint`;
