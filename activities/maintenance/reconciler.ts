import type { Client } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../../contracts/temporal.ts';
import type { TaskOutbox } from '../../db/stores/agent-task/outbox.ts';
import type { IncidentStore } from '../../db/stores/incident/incident-store.ts';

/** Older than what may still be on its way between Postgres, the outbox and Temporal's visibility store. */
const SETTLED_MINUTES = 5;
/** Later than `SETTLED_MINUTES` by more than a look through all workflows takes. */
const OLD_MINUTES = 10;
const BATCH = 1_000;

const RUNNING = `WorkflowType = '${WORKFLOW_TYPES.agentTask}' AND ExecutionStatus = 'Running'`;

type Outbox = Pick<
  TaskOutbox,
  'countOpen' | 'countOpenAmong' | 'remindOpen' | 'remindEnded' | 'remindOverdue'
>;

/** Those that are open are few: their workflows are told anew each time. */
type Incidents = Pick<IncidentStore, 'remindOpen'>;

/**
 * Finds tasks and workflows that lost each other, as after one of the two engines came back from an older
 * backup, and has the outbox tell those workflows (or start them) again. In sound operation it only looks.
 */
export class Reconciler {
  readonly #client: Client;
  readonly #outbox: Outbox;
  readonly #incidents: Incidents;

  constructor(client: Client, outbox: Outbox, incidents: Incidents) {
    this.#client = client;
    this.#outbox = outbox;
    this.#incidents = incidents;
  }

  /** @returns how many workflows will be told */
  async remindWorkflows(): Promise<number> {
    await this.#incidents.remindOpen();
    let reminded = await this.#outbox.remindOverdue();
    let followed = 0;
    for await (const taskIds of this.#runningTasks()) {
      reminded += await this.#outbox.remindEnded(taskIds, SETTLED_MINUTES);
      followed += await this.#outbox.countOpenAmong(taskIds, SETTLED_MINUTES);
    }
    // Old tasks that are open now were open, and settled, when the look began: each must have been seen.
    if ((await this.#outbox.countOpen(OLD_MINUTES)) > followed) {
      reminded += await this.#outbox.remindOpen(OLD_MINUTES);
    }
    return reminded;
  }

  /** Ids of the tasks whose workflows run, in batches. */
  async *#runningTasks(): AsyncGenerator<string[]> {
    let batch: string[] = [];
    for await (const { workflowId } of this.#client.workflow.list({ query: RUNNING, pageSize: BATCH })) {
      batch.push(workflowId.slice(workflowId.indexOf('/') + 1));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }
}
