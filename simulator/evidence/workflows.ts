import type { Client } from '@temporalio/client';
import type { TaskOutcome } from '../../contracts/agent-task/snapshot.ts';
import { agentTaskWorkflowId, WORKFLOW_TYPES } from '../../contracts/temporal.ts';

const AT_ONCE = 16;

/** Workflows of tasks that run now, as visibility has it. */
export async function countRunningTasks(client: Client): Promise<number> {
  const { count } = await client.workflow.count(
    `WorkflowType = '${WORKFLOW_TYPES.agentTask}' AND ExecutionStatus = 'Running'`,
  );
  return count;
}

/** How the workflows of these tasks ended: a task's state, the status of one that did not complete, or undefined. */
export async function outcomesOf(
  client: Client,
  taskIds: readonly string[],
): Promise<Map<string, string | undefined>> {
  const outcomes = new Map<string, string | undefined>();
  const waiting = taskIds.values();
  const work = async (): Promise<void> => {
    for (const id of waiting) outcomes.set(id, await outcomeOf(client, id));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

async function outcomeOf(client: Client, taskId: string): Promise<string | undefined> {
  const handle = client.workflow.getHandle(agentTaskWorkflowId(taskId));
  const { status } = await handle.describe();
  if (status.name === 'RUNNING') return undefined;
  if (status.name !== 'COMPLETED') return status.name;
  return ((await handle.result()) as TaskOutcome).status;
}
