import type { Pool, PoolClient } from 'pg';
import { isRepetition, type TaskStatus } from '../../../contracts/agent-task/states.ts';
import type { TaskState } from '../../../contracts/agent-task/task.ts';
import { inTransaction } from '../../database.ts';
import type { TaskRow } from '../../models/rows.ts';
import { appendAudit } from '../audit.ts';
import { moveTasks } from './move.ts';
import { toTaskState } from './records.ts';

/** What became of an agent's word. */
export type WordAnswer =
  | { readonly kind: 'taken' | 'repeated'; readonly task: TaskState }
  | { readonly kind: 'refused'; readonly status: TaskStatus }
  | { readonly kind: 'not_found' };

export type AgentWord =
  | { readonly word: 'start' }
  | { readonly word: 'progress'; readonly percent: number | null; readonly message: string | null }
  | { readonly word: 'complete'; readonly result: object }
  | { readonly word: 'fail'; readonly error_message: string; readonly result: object | null };

/** A task is its agent's alone. */
const pickOf = (states: string) => `SELECT id, status AS before_status FROM agent_task
  WHERE id = $3 AND agent_id = $4 AND ${states} FOR UPDATE`;
/** `start` of a PENDING one counts when it was handed over before. */
const PICK = pickOf(`(status <> 'PENDING' OR handover_count > 0)`);
const PICK_ASSIGNED = pickOf(`status = 'ASSIGNED'`);

/** Takes an agent's word on a task. A word that the state does not allow is refused and audited. */
export async function takeWord(
  pool: Pool,
  taskId: string,
  agentId: string,
  said: AgentWord,
  correlationId: string,
): Promise<WordAnswer> {
  const changed = await change(pool, taskId, agentId, said);
  if (changed !== undefined) return { kind: 'taken', task: toTaskState(changed) };

  const { rows } = await pool.query<TaskRow>('SELECT * FROM agent_task WHERE id = $1', [taskId]);
  const present = rows[0];
  const actor = { type: 'agent', id: agentId } as const;
  if (present === undefined) return { kind: 'not_found' };
  if (present.agent_id !== agentId) {
    await appendAudit(pool, [
      {
        actor,
        action: 'security.wrong_agent',
        kind: 'security',
        object_type: 'agent_task',
        object_id: taskId,
        after: { word: said.word },
        correlation_id: correlationId,
      },
    ]);
    return { kind: 'not_found' };
  }
  if (isRepetition(said.word, present.status)) return { kind: 'repeated', task: toTaskState(present) };
  await appendAudit(pool, [
    {
      actor,
      action: `agent_task.${said.word}_refused`,
      kind: 'refusal',
      object_type: 'agent_task',
      object_id: taskId,
      before: { status: present.status },
      correlation_id: present.correlation_id,
    },
  ]);
  return { kind: 'refused', status: present.status };
}

async function change(
  pool: Pool,
  taskId: string,
  agentId: string,
  said: AgentWord,
): Promise<TaskRow | undefined> {
  if (said.word === 'progress') return noteProgress(pool, taskId, agentId, said);
  if (said.word !== 'start') return move(pool, taskId, agentId, said);
  return (
    (await move(pool, taskId, agentId, said, PICK_ASSIGNED)) ?? (await startPutBack(pool, taskId, agentId))
  );
}

async function move(
  queryable: Pool | PoolClient,
  taskId: string,
  agentId: string,
  said: Exclude<AgentWord, { word: 'progress' }>,
  pick = PICK,
) {
  const { set, params } = effect(said);
  const moved = await moveTasks(queryable, {
    word: said.word,
    actor: { type: 'agent', id: agentId },
    pick,
    set,
    params: [taskId, agentId, ...params],
    tell: 'now',
    often: true,
    queue: said.word === 'start' ? 'deliver' : 'drop',
  });
  return moved[0];
}

/**
 * A task that its agent has although it waits again, as after a hand-over that counted as lost. Expiry enters what waits
 * into the offline queue under the lock of the task: it is taken out by a statement that begins with that lock.
 */
function startPutBack(pool: Pool, taskId: string, agentId: string): Promise<TaskRow | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query('SELECT 1 FROM agent_task WHERE id = $1 AND agent_id = $2 FOR UPDATE', [
      taskId,
      agentId,
    ]);
    return move(client, taskId, agentId, { word: 'start' });
  });
}

function effect(said: Exclude<AgentWord, { word: 'progress' }>): { set: string; params: unknown[] } {
  switch (said.word) {
    case 'start':
      return { set: 'started_at = now(), assigned_at = COALESCE(t.assigned_at, now())', params: [] };
    case 'complete':
      return {
        set: 'completed_at = now(), result = $5, progress_percent = 100',
        params: [JSON.stringify(said.result)],
      };
    case 'fail':
      return {
        set: 'completed_at = now(), error_message = $5, result = $6',
        params: [said.error_message, said.result === null ? null : JSON.stringify(said.result)],
      };
  }
}

/** Progress changes no state: it is neither audited nor told to the workflow. */
async function noteProgress(
  pool: Pool,
  taskId: string,
  agentId: string,
  said: AgentWord & { word: 'progress' },
) {
  const { rows } = await pool.query<TaskRow>(
    `UPDATE agent_task SET progress_percent = COALESCE($3, progress_percent), progress_message = COALESCE($4, progress_message)
     WHERE id = $1 AND agent_id = $2 AND status = 'IN_PROGRESS' RETURNING *`,
    [taskId, agentId, said.percent, said.message],
  );
  return rows[0];
}
