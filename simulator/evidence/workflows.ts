import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../../contracts/temporal.ts';

const TASK_STATE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.taskState, 'KEYWORD');

/** Workflows of tasks that run now, as visibility has it. */
export async function countRunningTasks(client: Client): Promise<number> {
  const { count } = await client.workflow.count(
    `WorkflowType = '${WORKFLOW_TYPES.agentTask}' AND ExecutionStatus = 'Running'`,
  );
  return count;
}

/**
 * How the workflows of tasks ended, by task: the state that they show, the status of one that did not complete, or
 * undefined for one that runs. Of the newest `most`.
 */
export async function outcomesOf(client: Client, most: number): Promise<Map<string, string | undefined>> {
  const outcomes = new Map<string, string | undefined>();
  const listed = client.workflow.list({
    query: `WorkflowType = '${WORKFLOW_TYPES.agentTask}'`,
    pageSize: 1_000,
  });
  for await (const { workflowId, status, typedSearchAttributes } of listed) {
    const shown = typedSearchAttributes.get(TASK_STATE);
    const ended = status.name === 'COMPLETED' ? shown : status.name;
    outcomes.set(
      workflowId.slice(workflowId.indexOf('/') + 1),
      status.name === 'RUNNING' ? undefined : ended,
    );
    if (outcomes.size === most) break;
  }
  return outcomes;
}
