import {
  condition,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { AgentTaskActivities } from '../../activities/agent-task/activities.ts';
import type { TaskOutcome, TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';
import { isFinal, type TaskStatus } from '../../contracts/agent-task/states.ts';
import { HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';
import { SEARCH_ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { describeTask } from './describe.ts';
import { taskChanged, taskSnapshot } from './messages.ts';

// A timer must act in the end, however long Postgres is away: retried without limit.
const timers = proxyActivities<AgentTaskActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/**
 * The story of one task. Postgres is the authority for its state and tells the workflow of every change; the
 * workflow holds the timers, which act on Postgres by the same compare-and-set as everyone else.
 */
export async function agentTask(created: TaskSnapshot): Promise<TaskOutcome> {
  let task = created;
  let shown: TaskStatus = created.status;
  let answered: TaskSnapshot | undefined;
  setHandler(taskSnapshot, () => task);
  setHandler(taskChanged, (next) => {
    task = newer(task, next);
  });
  for (;;) {
    // Before the wait as well as after it: a word may have come before the first line of this ran.
    if (task.status !== shown) {
      shown = task.status;
      upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.taskState, value: task.status }]);
    }
    setCurrentDetails(describeTask(task));
    if (isFinal(task.status)) break;
    const seen = task;
    // A word may have lain for long before it is heard; an answer was read just now, and by one clock alone.
    const due = seen === answered ? seen.due_in_ms : sooner(seen);
    if (!(await changesWithin(() => task.version > seen.version, seen.status, due))) {
      answered = await act(seen);
      // Not in one expression: a word told meanwhile must not be overwritten by what `task` was before.
      task = newer(task, answered);
    }
  }
  return { status: task.status, retry_count: task.retry_count };
}

async function changesWithin(
  changed: () => boolean,
  status: TaskStatus,
  due: number | null,
): Promise<boolean> {
  if (due === null) {
    await condition(changed);
    return true;
  }
  const summary = status === 'ASSIGNED' ? 'Until the hand-over counts as lost' : 'Until the task times out';
  return condition(changed, Math.max(1, due), { summary });
}

/** Milliseconds to the timer of the present state, less what has passed since they were counted. */
function sooner({ due_in_ms, due_at }: TaskSnapshot): number | null {
  return due_in_ms === null || !due_at ? due_in_ms : Math.min(due_in_ms, Date.parse(due_at) - Date.now());
}

/** The timer of the present state fired: says so to Postgres, which decides. */
function act(task: TaskSnapshot): Promise<TaskSnapshot> {
  if (task.status === 'ASSIGNED') {
    log.info('The hand-over of the task was lost', { retryCount: task.retry_count });
    return timers.requeueLostHandover.executeWithOptions({ summary: 'Hand-over lost' }, [task]);
  }
  return timers.timeOutTask.executeWithOptions({ summary: 'Time is over' }, [task]);
}

/** An answer of the same version may still carry a later reading of the clock. */
function newer(known: TaskSnapshot, next: TaskSnapshot): TaskSnapshot {
  return next.version >= known.version ? next : known;
}
