import type { Client } from '@temporalio/client';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';

/** What workflows of tasks were told and did, on the average. */
export interface Histories {
  /** Signals a workflow, on the average. */
  readonly messages: number;
  readonly workflowTasks: number;
  readonly events: number;
  /** Seconds from the start of each workflow to its end. */
  readonly seconds: readonly number[];
}
export const NO_HISTORIES: Histories = { messages: 0, workflowTasks: 0, events: 0, seconds: [] };

/** Reads the histories of ended tasks. */
export async function look(client: Client, ids: readonly string[]): Promise<Histories> {
  const all = await Promise.all(
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
  const mean = (pick: (one: (typeof all)[number]) => number): number =>
    all.reduce((sum, one) => sum + pick(one), 0) / all.length;
  return {
    messages: mean((one) => one.messages),
    workflowTasks: mean((one) => one.workflowTasks),
    events: mean((one) => one.events),
    seconds: all.map((one) => one.seconds),
  };
}

/** The mean of `round - 1` looks and one more. */
export function together(before: Histories, next: Histories, round: number): Histories {
  const mean = (pick: (one: Histories) => number): number =>
    pick(before) + (pick(next) - pick(before)) / round;
  return {
    messages: mean((one) => one.messages),
    workflowTasks: mean((one) => one.workflowTasks),
    events: mean((one) => one.events),
    seconds: [...before.seconds, ...next.seconds],
  };
}
