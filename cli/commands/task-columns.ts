import type { OfflineQueueItem, Task } from '../../contracts/agent-task/task.ts';
import { type Column, json, text } from '../output/printer.ts';

const percent = (value: number | null): string => (value === null ? '' : `${Math.round(value)} %`);

/** How far a task is, in its agent's words. */
export const progressOf = (task: Task): string =>
  text([percent(task.progress_percent), task.progress_message ?? ''].filter((part) => part !== '').join(' '));

export const taskColumns: readonly Column<Task>[] = [
  { title: 'ID', text: (task) => task.id },
  { title: 'TYPE', text: (task) => task.task_type },
  { title: 'STATUS', text: (task, out) => out.status(task.status) },
  { title: 'AGENT', text: (task) => task.agent_id },
  { title: 'PROGRESS', text: progressOf },
  { title: 'RETRIES', text: (task) => `${task.retry_count}/${task.max_retries}` },
  { title: 'CREATED', text: (task, out) => out.time(task.created_at) },
  { title: 'ENDED', text: (task, out) => out.time(task.completed_at) },
];

export const taskFields: readonly Column<Task>[] = [
  ...taskColumns,
  { title: 'ASSIGNED', text: (task, out) => out.time(task.assigned_at) },
  { title: 'STARTED', text: (task, out) => out.time(task.started_at) },
  { title: 'TIME LIMIT', text: (task) => `${task.timeout_seconds} s` },
  { title: 'CREATED BY', text: (task) => text(task.created_by) },
  { title: 'RETRY OF', text: (task) => text(task.retry_of) },
  { title: 'CORRELATION ID', text: (task) => text(task.correlation_id) },
  { title: 'WORKFLOW', text: (task) => text(task.workflow_id) },
  { title: 'ERROR', text: (task) => text(task.error_message) },
  { title: 'PAYLOAD', text: (task) => json(task.payload) },
  { title: 'RESULT', text: (task) => json(task.result) },
];

export const queueColumns: readonly Column<OfflineQueueItem>[] = [
  { title: 'TASK', text: (item) => item.task_id },
  { title: 'AGENT', text: (item) => item.agent_id },
  { title: 'QUEUED', text: (item, out) => out.time(item.queued_at) },
  { title: 'DELIVERED', text: (item, out) => out.time(item.delivered_at) },
  { title: 'RETRIES', text: (item) => `${item.retry_count}/${item.max_retries}` },
];
