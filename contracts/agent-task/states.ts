/**
 * The life of a task. One table says which word moves a task from where to where; the SQL that moves tasks,
 * the workflow, the documentation and the property tests all read it.
 */

export const TASK_TYPES = ['DEPLOY', 'REMEDIATE', 'COLLECT', 'UPDATE'] as const;
export type TaskType = (typeof TASK_TYPES)[number];

export const TASK_STATUSES = [
  'PENDING',
  'ASSIGNED',
  'IN_PROGRESS',
  'COMPLETED',
  'FAILED',
  'TIMEOUT',
  'CANCELLED',
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export const FINAL_TASK_STATUSES = ['COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED'] as const;
export const OPEN_TASK_STATUSES = ['PENDING', 'ASSIGNED', 'IN_PROGRESS'] as const;

/** What can be said of a task, by an agent (`start` to `fail`), an operator (`cancel`) or the platform. */
export const TASK_WORDS = [
  'assign',
  'start',
  'progress',
  'complete',
  'fail',
  'cancel',
  'time_out',
  'requeue',
  'give_up',
] as const;
export type TaskWord = (typeof TASK_WORDS)[number];

/** The words that agents may say. */
export type AgentTaskWord = Extract<TaskWord, 'start' | 'progress' | 'complete' | 'fail'>;

type Transition = { readonly from: readonly TaskStatus[]; readonly to: TaskStatus };

/**
 * `start` is also taken from a PENDING task that was handed over before: its hand-over counted as lost
 * although the agent had it. The store checks `handover_count` for that.
 */
export const TASK_TRANSITIONS: Readonly<Record<TaskWord, Transition>> = {
  assign: { from: ['PENDING'], to: 'ASSIGNED' },
  start: { from: ['ASSIGNED', 'PENDING'], to: 'IN_PROGRESS' },
  progress: { from: ['IN_PROGRESS'], to: 'IN_PROGRESS' },
  complete: { from: ['IN_PROGRESS'], to: 'COMPLETED' },
  fail: { from: ['IN_PROGRESS'], to: 'FAILED' },
  cancel: { from: OPEN_TASK_STATUSES, to: 'CANCELLED' },
  time_out: { from: ['IN_PROGRESS'], to: 'TIMEOUT' },
  requeue: { from: ['ASSIGNED'], to: 'PENDING' },
  give_up: { from: ['ASSIGNED'], to: 'FAILED' },
};

export const MAX_RETRIES_EXCEEDED = 'Max retries exceeded';

export function isFinal(status: TaskStatus): boolean {
  return (FINAL_TASK_STATUSES as readonly TaskStatus[]).includes(status);
}

/** Whether `word`, said once more of a task in `status`, only repeats what already holds. */
export function isRepetition(word: AgentTaskWord, status: TaskStatus): boolean {
  return word !== 'progress' && TASK_TRANSITIONS[word].to === status;
}
