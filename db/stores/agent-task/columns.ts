import type { TaskRow } from '../../models/rows.ts';

const COLUMNS = {
  id: true,
  agent_id: true,
  task_type: true,
  status: true,
  version: true,
  payload: true,
  timeout_seconds: true,
  handover_count: true,
  retry_count: true,
  max_retries: true,
  progress_percent: true,
  progress_message: true,
  assigned_at: true,
  started_at: true,
  completed_at: true,
  result: true,
  error_message: true,
  correlation_id: true,
  created_by: true,
  created_at: true,
  retry_of: true,
} as const satisfies Record<keyof TaskRow, true>;

/** The columns of a {@link TaskRow}, by name: a prepared statement must not change its answer when a migration adds one. */
export const taskColumns = (table: string): string =>
  Object.keys(COLUMNS)
    .map((column) => `${table}.${column}`)
    .join(', ');
