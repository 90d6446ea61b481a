import type { TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';

/** What an operator reads in the Temporal Web UI: where the task stands and what it waits for. */
export function describeTask(task: TaskSnapshot): string {
  return `**${task.status}** (hand-over retries ${task.retry_count} of ${task.max_retries}). ${waitsFor(task)}`;
}

function waitsFor(task: TaskSnapshot): string {
  switch (task.status) {
    case 'PENDING':
      return task.agent_online
        ? 'Waits for the next heartbeat of the agent, which hands it over.'
        : 'The agent cannot be reached: waits in its offline queue until it comes back.';
    case 'ASSIGNED':
      return `Handed over; waits for the agent to start. Counts as lost in ${seconds(task)}.`;
    case 'IN_PROGRESS':
      return `The agent works on it${task.agent_online ? '' : ', but cannot be reached'}. Times out in ${seconds(task)}.`;
    default:
      return 'Ended.';
  }
}

const seconds = (task: TaskSnapshot): string =>
  `${Math.ceil((task.due_in_ms ?? 0) / 1_000)} s from this change`;
