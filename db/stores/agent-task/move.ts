import pg, { type Pool, type PoolClient } from 'pg';
import {
  isFinal,
  TASK_TRANSITIONS,
  type TaskStatus,
  type TaskWord,
} from '../../../contracts/agent-task/states.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { INCIDENT_WORKFLOW_PREFIX } from '../../../contracts/temporal.ts';
import { inTransaction, prepared, statement } from '../../database.ts';
import type { TaskRow } from '../../models/rows.ts';
import { taskColumns } from './columns.ts';

export type MovedTask = TaskRow & { before_status: TaskStatus };

export interface Move {
  readonly word: TaskWord;
  readonly actor: Actor;
  /**
   * SELECT of `id` and `status AS before_status` of the tasks to move, locked. Parameters start at $3; the
   * states from which `word` may move a task are not repeated here but added by {@link moveTasks}.
   */
  readonly pick: string;
  /** Further assignments of the UPDATE of `agent_task t`, beside the status. */
  readonly set?: string;
  /** Status to move to where it depends on the row; by default the one of the transition table. */
  readonly status?: string;
  readonly params: readonly unknown[];
  /** Of the request that says the word; by default the audit names the task's. */
  readonly correlationId?: string;
  /**
   * How the workflows hear of it: `now`, `soon` (waits a moment for the agent's next word, so that both travel
   * as one signal) or `no` (the caller is the workflow).
   */
  readonly tell: 'now' | 'soon' | 'no';
  /** A word that is said often and moves few tasks: planned once a connection. Others are planned by how many they move. */
  readonly often?: true;
  /** What the move does to the offline queue, in the same statement. */
  readonly queue?: keyof typeof QUEUE_STEPS;
}

const QUEUE_STEPS = {
  /** The tasks reached their agent. */
  deliver: `queued AS (
       UPDATE offline_queue_item i SET delivered_at = now(), retry_count = moved.retry_count
       FROM moved WHERE i.task_id = moved.id AND i.delivered_at IS NULL
     )`,
  /** The tasks ended, whether they were delivered or not. */
  drop: `queued AS (
       DELETE FROM offline_queue_item i USING moved WHERE i.task_id = moved.id AND i.delivered_at IS NULL
     )`,
  /** The tasks wait again; those of agents that cannot be reached are queued for their return. The caller has locked the agents. */
  enqueue: `queued AS (
       INSERT INTO offline_queue_item (id, agent_id, task_id, queued_at, retry_count, max_retries)
       SELECT uuid7(), moved.agent_id, moved.id, now(), moved.retry_count, moved.max_retries
       FROM moved JOIN agent a ON a.id = moved.agent_id
       WHERE moved.status = 'PENDING' AND a.status NOT IN ('ONLINE', 'DEGRADED')
       ORDER BY moved.queue_seq
       ON CONFLICT (task_id) WHERE delivered_at IS NULL DO NOTHING
     )`,
} as const;

/** How long a hand-over waits for the agent's start before its workflow is told of it. */
export const COALESCE_SECONDS = 2;

/**
 * The only way in which a task changes its state: one statement compares, sets, audits and notes that the
 * workflow must be told, for one task or many. Tasks whose state does not allow the word stay as they are and
 * are not returned.
 */
export function moveTasks(queryable: Pool | PoolClient, move: Move): Promise<MovedTask[]> {
  if (move.word !== 'cancel') return moveAtOnce(queryable, move);
  return queryable instanceof pg.Pool
    ? inTransaction(queryable, (client) => cancelTasks(client, move))
    : cancelTasks(queryable, move);
}

/**
 * A task that waits may be entered into the offline queue by its agent's expiry while the move waits for its lock, which only
 * the next statement sees. Of all words only `cancel` ends such a task.
 */
async function cancelTasks(client: PoolClient, move: Move): Promise<MovedTask[]> {
  const moved = await moveAtOnce(client, move);
  await client.query(
    'DELETE FROM offline_queue_item WHERE task_id = ANY($1::uuid[]) AND delivered_at IS NULL',
    [moved.map(({ id }) => id)],
  );
  return moved;
}

async function moveAtOnce(queryable: Pool | PoolClient, move: Move): Promise<MovedTask[]> {
  const transition = TASK_TRANSITIONS[move.word];
  const from = transition.from.map((status) => `'${status}'`).join(', ');
  const status = move.status ?? `'${transition.to}'`;
  const text = `WITH picked AS MATERIALIZED (
       SELECT p.id, p.before_status FROM (${move.pick}) AS p WHERE p.before_status IN (${from})
     ), moved AS (
       UPDATE agent_task t SET status = ${status}, version = t.version + 1${move.set ? `, ${move.set}` : ''}
       FROM picked WHERE t.id = picked.id
       RETURNING ${taskColumns('t')}, t.queue_seq, picked.before_status
     ), audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
       SELECT uuid7(), now(), $1, $2, 'agent_task.${move.word}', 'change', 'agent_task', id::text,
         jsonb_build_object('status', before_status),
         jsonb_strip_nulls(jsonb_build_object('status', status, 'retry_count', retry_count, 'error_message', left(error_message, 1000))),
         COALESCE($${move.params.length + 3}::text, correlation_id)
       FROM moved
     )${incidentStep(move.word)}${move.tell === 'no' ? '' : `, ${outboxStep(move.tell)}`}${move.queue ? `, ${QUEUE_STEPS[move.queue]}` : ''}
     SELECT ${taskColumns('moved')}, moved.before_status FROM moved ORDER BY queue_seq`;
  const values = [move.actor.type, move.actor.id, ...move.params, move.correlationId ?? null];
  const { rows } = await statement<MovedTask>(
    queryable,
    move.often === true ? prepared(text, values) : { text, values },
  );
  return rows;
}

/**
 * Notes ends that incidents must hear of: failures, and whatever becomes of the tasks that an incident made. Whose word
 * ends nothing, or ends well what nobody approved for an incident, pays for no row.
 */
function incidentStep(word: TaskWord): string {
  if (!isFinal(TASK_TRANSITIONS[word].to)) return '';
  const failure = word === 'fail' || word === 'time_out' || word === 'give_up';
  return `, noticed AS (
       INSERT INTO incident_inbox (task_id, noticed_at) SELECT id, now() FROM moved
       ${failure ? '' : `WHERE starts_with(created_by, '${INCIDENT_WORKFLOW_PREFIX}')`}
       ON CONFLICT DO NOTHING
     )`;
}

function outboxStep(tell: 'now' | 'soon'): string {
  const available = tell === 'now' ? 'now()' : `now() + interval '${COALESCE_SECONDS} seconds'`;
  return `told AS (
       INSERT INTO agent_task_outbox (task_id, version, available_at)
       SELECT id, version, ${available} FROM moved ORDER BY id
       ON CONFLICT (task_id) DO UPDATE SET version = excluded.version,
         available_at = LEAST(agent_task_outbox.available_at, excluded.available_at)
     )`;
}
