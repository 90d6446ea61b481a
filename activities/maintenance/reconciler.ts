import type { Client } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../../contracts/temporal.ts';
import type { TaskOutbox } from '../../db/stores/agent-task/outbox.ts';

/** Older than what may still be on its way between Postgres, the outbox and Temporal's visibility store. */
const SETTLED_MINUTES = 5;
const BATCH = 1_000;

const RUNNING = `WorkflowType = '${WORKFLOW_TYPES.agentTask}' AND ExecutionStatus = 'Running'`;

/**
 * Finds tasks and workflows that lost each other, as after one of the two engines came back from an older
 * backup, and has the outbox tell those workflows (or start them) again. In sound operation it only counts.
 */
export class Reconciler {
  readonly #client: Client;
  readonly #outbox: Pick<TaskOutbox, 'countOpen' | 'remindOpen' | 'remindEnded'>;

  constructor(client: Client, outbox: Pick<TaskOutbox, 'countOpen' | 'remindOpen' | 'remindEnded'>) {
    this.#client = client;
    this.#outbox = outbox;
  }

  /** @returns how many workflows will be told */
  async remindWorkflows(): Promise<number> {
    const settled = await this.#outbox.countOpen(SETTLED_MINUTES);
    const { count: running } = await this.#client.workflow.count(RUNNING);
    let reminded = settled > running ? await this.#outbox.remindOpen(SETTLED_MINUTES) : 0;
    if (running > (await this.#outbox.countOpen(0))) reminded += await this.#remindSurplus();
    return reminded;
  }

  /** Workflows that run although their task has ended or is gone. */
  async #remindSurplus(): Promise<number> {
    let reminded = 0;
    let batch: string[] = [];
    const started = new Date(Date.now() - SETTLED_MINUTES * 60_000).toISOString();
    for await (const workflow of this.#client.workflow.list({
      query: `${RUNNING} AND StartTime < '${started}'`,
    })) {
      batch.push(workflow.workflowId.slice(workflow.workflowId.indexOf('/') + 1));
      if (batch.length < BATCH) continue;
      reminded += await this.#outbox.remindEnded(batch);
      batch = [];
    }
    return reminded + (await this.#outbox.remindEnded(batch));
  }
}
