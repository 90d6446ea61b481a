import type { Pool, PoolClient } from 'pg';
import type { CreateTask, CreateTasks } from '../../../contracts/agent-task/task.ts';
import { MAX_BULK_TASKS } from '../../../contracts/agent-task/task.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { inTransaction } from '../../database.ts';
import type { TaskRow } from '../../models/rows.ts';
import { agentFilters } from '../agent/selection.ts';
import { Statement } from '../bounded-page.ts';

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
export function createTask(pool: Pool, request: CreateTask, origin: Origin): Promise<Creation> {
  return inTransaction(pool, async (client): Promise<Creation> => {
    if (origin.idempotencyKey !== undefined) {
      const earlier = await earlierTask(client, request, origin);
      if (earlier !== undefined) return earlier;
    }
    // FOR SHARE: the agent cannot go offline between this look and the commit, which would miss the queue.
    const { rows } = await client.query<{ revoked: boolean }>(
      'SELECT revoked_at IS NOT NULL AS revoked FROM agent WHERE id = $1 FOR SHARE',
      [request.agent_id],
    );
    if (rows[0] === undefined) return { kind: 'no_agent' };
    if (rows[0].revoked) return { kind: 'agent_revoked' };
    const [task] = await insertTasks(client, [request.agent_id], request, origin);
    if (task !== undefined) return { kind: 'created', task };
    return (await earlierTask(client, request, origin)) ?? { kind: 'key_reused' };
  });
}

async function earlierTask(
  client: PoolClient,
  request: CreateTask,
  origin: Origin,
): Promise<Creation | undefined> {
  const { rows } = await client.query<TaskRow & { same: boolean }>(
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
 * Creates one task for every agent that fits the selection, at most {@link MAX_BULK_TASKS}.
 *
 * @returns how many were created, or would be in a dry run; `too_many` if more agents fit
 */
export function createTasks(
  pool: Pool,
  request: CreateTasks,
  origin: Origin,
  dryRun: boolean,
): Promise<number | 'too_many'> {
  const statement = new Statement();
  const conditions = agentFilters(request.selection).map((filter) => statement.condition(filter));
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM agent r WHERE ${['r.revoked_at IS NULL', ...conditions].join(' AND ')}
       ORDER BY id LIMIT ${MAX_BULK_TASKS + 1} ${dryRun ? '' : 'FOR SHARE'}`,
      statement.values,
    );
    if (rows.length > MAX_BULK_TASKS) return 'too_many';
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

/** Task, audit, note to start its workflow and, where the agent is away, queue item: one statement. */
export async function insertTasks(
  client: PoolClient,
  agentIds: readonly string[],
  content: Content,
  origin: Origin,
  columns: '*' | 'id' | 'id, agent_id' = '*',
): Promise<TaskRow[]> {
  const { rows } = await client.query<TaskRow>(
    `WITH created AS (
       INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries,
         correlation_id, created_by, created_at, retry_of, idempotency_key)
       SELECT uuid7(), agent_id, $2, 'PENDING', $3, $4, $5, $6, $7, now(), $8, $9
       FROM unnest($1::uuid[]) AS agent_id
       ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
       RETURNING *
     ), told AS (
       INSERT INTO agent_task_outbox (task_id, version, available_at) SELECT id, version, now() FROM created
     ), queued AS (
       INSERT INTO offline_queue_item (id, agent_id, task_id, queued_at, retry_count, max_retries)
       SELECT uuid7(), c.agent_id, c.id, now(), 0, c.max_retries FROM created c
       JOIN agent a ON a.id = c.agent_id WHERE a.status NOT IN ('ONLINE', 'DEGRADED')
     ), audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
       SELECT uuid7(), now(), $10, $7, 'agent_task.create', 'change', 'agent_task', id::text, NULL,
         jsonb_strip_nulls(jsonb_build_object('status', status, 'agent_id', agent_id, 'task_type', task_type, 'retry_of', retry_of)),
         correlation_id FROM created
     )
     SELECT ${columns} FROM created`,
    [
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
    ],
  );
  return rows;
}
