import type { TaskStatus, TaskType } from './states.ts';

/**
 * What a task's workflow is told of its task: the row as it stood at one moment, without payload, result or
 * error text, which may hold secrets. Snapshots may arrive late, twice or out of order; the higher `version`
 * counts.
 */
export interface TaskSnapshot {
  readonly task_id: string;
  readonly agent_id: string;
  readonly platform: string;
  readonly task_type: TaskType;
  readonly status: TaskStatus;
  /** Grows by one with every change of state. */
  readonly version: number;
  readonly retry_count: number;
  readonly max_retries: number;
  readonly agent_online: boolean;
  /** Milliseconds until the timer of this state is due, by the database's clock; null where there is none. */
  readonly due_in_ms: number | null;
  /** That moment itself, for a workflow that hears of it late. */
  readonly due_at: string | null;
  readonly correlation_id: string;
}

/** How a task ended; the result of its workflow. */
export interface TaskOutcome {
  readonly status: TaskStatus;
  readonly retry_count: number;
}
