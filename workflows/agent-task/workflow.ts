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
import { SEARCH_ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { describeTask } from './describe.ts';
import { taskChanged, taskSnapshot } from './messages.ts';

// A timer must act in the end, however long Postgres is away: retried without limit.
const timers = proxyActivities<AgentTaskActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/**
 * The story of one task. Postgres is the authority for its state and tells the workflow of every change; the
 * workflow holds the timers, which act on Postgres by the same compare-and-set as everyone else.
 */
export async function agentTask(created: TaskSnapshot): Promise<TaskOutcome> {
  let task = created;
  let shown: TaskStatus = created.status;
  setHandler(taskSnapshot, () => task);
  setHandler(taskChanged, (next) => {
    task = newer(task, next);
  });
  setCurrentDetails(describeTask(task));

  while (!isFinal(task.status)) {
    const seen = task;
    const changed = await changesWithin(() => task.version > seen.version, seen);
    if (!changed) {
      const answered = await act(seen);
      // Not in one expression: a word told meanwhile must not be overwritten by what `task` was before.
      task = newer(task, answered);
    }
    if (task.status !== shown) {
      shown = task.status;
      upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.taskState, value: task.status }]);
    }
    setCurrentDetails(describeTask(task));
  }
  return { status: task.status, retry_count: task.retry_count };
}

async function changesWithin(changed: () => boolean, { status, due_in_ms }: TaskSnapshot): Promise<boolean> {
  if (due_in_ms === null) {
    await condition(changed);
    return true;
  }
  const summary = status === 'ASSIGNED' ? 'Until the hand-over counts as lost' : 'Until the task times out';
  return condition(changed, Math.max(1, due_in_ms), { summary });
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
