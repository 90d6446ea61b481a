import type { Pool } from 'pg';
import { TASK_STATUSES, TASK_TYPES } from '../../../contracts/agent-task/states.ts';
import type { Task, TaskListQuery } from '../../../contracts/agent-task/task.ts';
import type { Page } from '../../../contracts/http/common.ts';
import type { TaskRow } from '../../models/rows.ts';
import { boundedPage, type Filter } from '../bounded-page.ts';
import { idBounds, nextMillisecond } from '../keyset.ts';
import type { Sql } from '../statement.ts';
import { toTask } from './records.ts';

/** Larger payloads and results are shown with one task only, in bytes of JSON. */
const LISTED_BYTES = 16_384;
const bounded = (column: 'payload' | 'result'): string =>
  `CASE WHEN octet_length(r.${column}::text) > ${LISTED_BYTES}
     THEN jsonb_build_object('omitted_bytes', octet_length(r.${column}::text)) ELSE r.${column} END AS ${column}`;
const LISTED = `r.id, r.agent_id, r.task_type, r.status, r.timeout_seconds, r.retry_count, r.max_retries, r.progress_percent,
  r.progress_message, r.assigned_at, r.started_at, r.completed_at, r.error_message, r.correlation_id, r.created_by, r.created_at,
  r.retry_of, ${bounded('payload')}, ${bounded('result')}`;

/** Tasks that fit, newest first. */
export function listTasks(pool: Pool, query: TaskListQuery): Promise<Page<Task>> {
  const { created_after: after, created_before: before, cursor, limit } = query;
  const filters = [...byColumn(query, 'agent_id'), ...byColumn(query, 'correlation_id'), ...byState(query)];
  if (after !== undefined) filters.push({ checks: [{ sql: 'r.created_at >= :value', value: after }] });
  if (before !== undefined)
    filters.push({ checks: [{ sql: 'r.created_at < :value', value: nextMillisecond(before) }] });
  return boundedPage<TaskRow, Task>(
    pool,
    {
      name: 'tasks',
      table: 'agent_task',
      columns: LISTED,
      filters,
      bounds: idBounds(after, before),
      cursor,
      limit,
    },
    toTask,
  );
}

const parameter = (value: string): Sql => ({ sql: ':value', value });

function byColumn(query: TaskListQuery, column: 'agent_id' | 'correlation_id'): Filter[] {
  const value = query[column];
  if (value === undefined) return [];
  return [
    {
      checks: [{ sql: `r.${column} = :value`, value }],
      finders: [{ rows: 'agent_task', columns: [column], anyOf: [[parameter(value)]] }],
      exact: true,
    },
  ];
}

/** One index serves status, type and both: what is not given may be any of the few that there are. */
function byState({ status, task_type: type }: TaskListQuery): Filter[] {
  if (status === undefined && type === undefined) return [];
  const checks = [
    ...(status === undefined ? [] : [{ sql: 'r.status = :value', value: status }]),
    ...(type === undefined ? [] : [{ sql: 'r.task_type = :value', value: type }]),
  ];
  const statuses = status === undefined ? TASK_STATUSES : [status];
  const types = type === undefined ? TASK_TYPES : [type];
  const anyOf = statuses.flatMap((one) => types.map((other) => [parameter(one), parameter(other)]));
  return [
    { checks, finders: [{ rows: 'agent_task', columns: ['status', 'task_type'], anyOf }], exact: true },
  ];
}
