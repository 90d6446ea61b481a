import { randomUUID } from 'node:crypto';
import type { Execution } from '../../agent/tasks/executor.ts';
import type { HandedOverTask } from '../../contracts/agent-task/task.ts';
import { captureLog } from './support.ts';

/** What an executor gets, for a task with this payload. */
export function executionOf(
  payload: Record<string, unknown>,
  signal = new AbortController().signal,
): Execution {
  const task: HandedOverTask = {
    id: randomUUID(),
    task_type: 'REMEDIATE',
    status: 'ASSIGNED',
    payload,
    timeout_seconds: 60,
    correlation_id: 'c-1',
    created_at: new Date().toISOString(),
  };
  return { task, signal, log: captureLog().log, progress: () => undefined, report: () => undefined };
}
