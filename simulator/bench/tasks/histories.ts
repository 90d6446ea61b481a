import type { Client } from '@temporalio/client';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';

/** What the workflow of a task was told and did. */
export interface TaskHistory {
  /** Signals. */
  readonly messages: number;
  readonly workflowTasks: number;
  readonly events: number;
  /** From its start to its end. */
  readonly seconds: number;
}

/** Reads the histories of ended tasks. */
export function look(client: Client, ids: readonly string[]): Promise<TaskHistory[]> {
  return Promise.all(
    ids.map(async (id) => {
      const { events } = await client.workflow.getHandle(agentTaskWorkflowId(id)).fetchHistory();
      const list = events ?? [];
      const count = (attributes: string): number =>
        list.filter((event) => Object.hasOwn(event, attributes)).length;
      const time = (at: number): number =>
        Number(list.at(at)?.eventTime?.seconds ?? 0) + (list.at(at)?.eventTime?.nanos ?? 0) / 1e9;
      return {
        messages: count('workflowExecutionSignaledEventAttributes'),
        workflowTasks: count('workflowTaskCompletedEventAttributes'),
        events: list.length,
        seconds: time(-1) - time(0),
      };
    }),
  );
}

export const mean = (histories: readonly TaskHistory[], figure: keyof TaskHistory): number =>
  histories.reduce((sum, one) => sum + one[figure], 0) / histories.length;
