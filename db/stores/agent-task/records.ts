import type { HandedOverTask, Task, TaskState } from '../../../contracts/agent-task/task.ts';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';
import type { TaskRow } from '../../models/rows.ts';
import { iso, isoOrNull } from '../keyset.ts';

/** The task as operators see it. */
export function toTask(row: TaskRow): Task {
  return {
    id: row.id,
    agent_id: row.agent_id,
    task_type: row.task_type,
    status: row.status,
    payload: row.payload,
    timeout_seconds: row.timeout_seconds,
    retry_count: row.retry_count,
    max_retries: row.max_retries,
    progress_percent: row.progress_percent,
    progress_message: row.progress_message,
    assigned_at: isoOrNull(row.assigned_at),
    started_at: isoOrNull(row.started_at),
    completed_at: isoOrNull(row.completed_at),
    result: row.result,
    error_message: row.error_message,
    correlation_id: row.correlation_id,
    created_by: row.created_by,
    created_at: iso(row.created_at),
    retry_of: row.retry_of,
    workflow_id: agentTaskWorkflowId(row.id),
  };
}

/** The part that its agent needs. */
export function toHandedOverTask(row: TaskRow): HandedOverTask {
  return {
    id: row.id,
    task_type: row.task_type,
    status: row.status,
    payload: row.payload,
    timeout_seconds: row.timeout_seconds,
    correlation_id: row.correlation_id,
    created_at: iso(row.created_at),
  };
}

export function toTaskState(row: TaskRow): TaskState {
  return {
    id: row.id,
    status: row.status,
    assigned_at: isoOrNull(row.assigned_at),
    started_at: isoOrNull(row.started_at),
    completed_at: isoOrNull(row.completed_at),
  };
}
