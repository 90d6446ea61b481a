import type { Pool, PoolClient } from 'pg';
import type { CreateTask, CreateTasks } from '../../../contracts/agent-task/task.ts';
import { MAX_BULK_TASKS } from '../../../contracts/agent-task/task.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { inTransaction, prepared, statement } from '../../database.ts';
import type { TaskRow } from '../../models/rows.ts';
import { agentConditions } from '../agent/selection.ts';
import { Statement } from '../statement.ts';
import { taskColumns } from './columns.ts';

type Content = Pick<CreateTask, 'task_type' | 'payload' | 'timeout_seconds' | 'max_retries'>;

export interface Origin {
  readonly actor: Actor;
  readonly correlationId: string;
  readonly retryOf?: string;
  readonly idempotencyKey?: string | undefined;
}

export type Creation =
  | { readonly kind: 'created' | 'existing'; readonly task: TaskRow }
  | { readonly kind: 'no_agent' | 'agent_revoked' | 'key_reused' };

/**
 * Creates one task. With an idempotency key that the same actor used before, answers the task made then if the
 * request is the same.
 */
export async function createTask(pool: Pool, request: CreateTask, origin: Origin): Promise<Creation> {
  const keyed = origin.idempotencyKey !== undefined;
  const earlier = keyed ? await earlierTask(pool, request, origin) : undefined;
  if (earlier !== undefined) return earlier;
  const [target] = await insert(pool, [request.agent_id], request, origin, 'all');
  if (target === undefined) return { kind: 'no_agent' };
  const { revoked, ...task } = target;
  if (revoked) return { kind: 'agent_revoked' };
  if (task.id !== null) return { kind: 'created', task };
  return (await earlierTask(pool, request, origin)) ?? { kind: 'key_reused' };
}

async function earlierTask(pool: Pool, request: CreateTask, origin: Origin): Promise<Creation | undefined> {
  const { rows } = await pool.query<TaskRow & { same: boolean }>(
    `SELECT *, agent_id = $3 AND task_type = $4 AND payload = $5 AND timeout_seconds = $6 AND max_retries = $7 AS same
     FROM agent_task WHERE created_by = $1 AND idempotency_key = $2`,
    [
      origin.actor.id,
      origin.idempotencyKey,
      request.agent_id,
      request.task_type,
      JSON.stringify(request.payload),
      request.timeout_seconds,
      request.max_retries,
    ],
  );
  const [task] = rows;
  if (task === undefined) return undefined;
  return task.same ? { kind: 'existing', task } : { kind: 'key_reused' };
}

/**
 * Creates one task for every agent that fits the selection, at most `max_agents`, or {@link MAX_BULK_TASKS}.
 *
 * @returns how many were created, or would be in a dry run; `too_many` if more agents fit
 */
export function createTasks(
  pool: Pool,
  request: CreateTasks,
  origin: Origin,
  dryRun: boolean,
): Promise<number | 'too_many'> {
  const most = request.max_agents ?? MAX_BULK_TASKS;
  const found = new Statement();
  const conditions = agentConditions(request.selection, found);
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM agent r WHERE ${['r.revoked_at IS NULL', ...conditions].join(' AND ')}
       ORDER BY id LIMIT ${most + 1} ${dryRun ? '' : 'FOR SHARE'}`,
      found.values,
    );
    if (rows.length > most) return 'too_many';
    if (!dryRun)
      await insertTasks(
        client,
        rows.map((row) => row.id),
        request,
        origin,
        // Payloads of thousands of tasks are nothing to hold in memory.
        'id',
      );
    return rows.length;
  });
}

/** Makes one task for each of the agents that are there and not revoked. */
export async function insertTasks(
  client: PoolClient,
  agentIds: readonly string[],
  content: Content,
  origin: Origin,
  columns: Columns = 'all',
): Promise<TaskRow[]> {
  const targets = await insert(client, agentIds, content, origin, columns);
  return targets.flatMap(({ revoked: _, ...task }) => (task.id === null ? [] : [task]));
}

type Columns = 'all' | 'id' | 'id, agent_id';
/** An agent that is there, with the task that was made for it, if one was. */
type Target = { readonly revoked: boolean } & (TaskRow | { readonly id: null });

const columnsOf: Readonly<Record<Columns, string>> = {
  all: taskColumns('c'),
  id: 'c.id',
  'id, agent_id': 'c.id, c.agent_id',
};

/** Task, audit, note to start its workflow and, where the agent is away, queue item: one statement. */
async function insert(
  queryable: Pool | PoolClient,
  agentIds: readonly string[],
  content: Content,
  origin: Origin,
  columns: Columns,
): Promise<Target[]> {
  const text = `WITH target AS MATERIALIZED (
       -- Locked: an agent that goes offline before the commit would miss the queue.
       SELECT id, status, revoked_at IS NOT NULL AS revoked FROM agent WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE
     ), created AS (
       INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries,
         correlation_id, created_by, created_at, retry_of, idempotency_key)
       SELECT uuid7(), id, $2, 'PENDING', $3, $4, $5, $6, $7, now(), $8, $9 FROM target WHERE NOT revoked
       ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
       RETURNING *
     ), told AS (
       INSERT INTO agent_task_outbox (task_id, version, available_at) SELECT id, version, now() FROM created
     ), queued AS (
       INSERT INTO offline_queue_item (id, agent_id, task_id, queued_at, retry_count, max_retries)
       SELECT uuid7(), c.agent_id, c.id, now(), 0, c.max_retries FROM created c
       JOIN target ON target.id = c.agent_id WHERE target.status NOT IN ('ONLINE', 'DEGRADED')
     ), audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
       SELECT uuid7(), now(), $10, $7, 'agent_task.create', 'change', 'agent_task', id::text, NULL,
         jsonb_strip_nulls(jsonb_build_object('status', status, 'agent_id', agent_id, 'task_type', task_type, 'retry_of', retry_of)),
         correlation_id FROM created
     )
     SELECT target.revoked, ${columnsOf[columns]} FROM target LEFT JOIN created c ON c.agent_id = target.id`;
  const values = [
    agentIds,
    content.task_type,
    JSON.stringify(content.payload),
    content.timeout_seconds,
    content.max_retries,
    origin.correlationId,
    origin.actor.id,
    origin.retryOf ?? null,
    origin.idempotencyKey ?? null,
    origin.actor.type,
  ];
  // Many are planned by how many they are: joined as if they were a few, they would take minutes.
  const { rows } = await statement<Target>(
    queryable,
    agentIds.length === 1 ? prepared(text, values) : { text, values },
  );
  return rows;
}
