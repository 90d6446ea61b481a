import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { isResting } from '../../../contracts/deployment/states.ts';
import { deploymentWorkflowId, WORKFLOW_TYPES } from '../../../contracts/temporal.ts';

const LOOK_MS = 100;

/** Tells how far it is. */
export type Tell = (text: string) => void;

/** Looks at what becomes of deployments and tasks, without going through the API that is measured. */
export class Watch {
  readonly #pool: Pool;
  readonly #client: Client;
  readonly #signal: AbortSignal;

  constructor(pool: Pool, client: Client, signal: AbortSignal) {
    this.#pool = pool;
    this.#client = client;
    this.#signal = signal;
  }

  /** @throws Error when a deployment comes to another end */
  completed(ids: readonly string[], tell: Tell): Promise<void> {
    return this.#until(async () => {
      const { rows } = await this.#pool.query<{ status: string; count: number; reason: string }>(
        `SELECT status, count(*) AS count, min(reason) AS reason FROM deployment_intent WHERE id = ANY($1::uuid[]) GROUP BY status`,
        [ids],
      );
      const other = rows.find(({ status }) => status !== 'COMPLETED' && isResting(status as 'FAILED'));
      if (other !== undefined) throw new Error(`A deployment ended ${other.status}: ${other.reason}`);
      tell(rows.map(({ status, count }) => `${count} ${status}`).join(', '));
      return rows.every(({ status }) => status === 'COMPLETED');
    });
  }

  tasksEnded(correlationIds: readonly string[], tell: Tell): Promise<void> {
    return this.#until(async () => {
      const { rows } = await this.#pool.query<{ open: number }>(
        `SELECT count(*) FILTER (WHERE status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS')) AS open FROM agent_task
         WHERE correlation_id = ANY($1::text[])`,
        [correlationIds],
      );
      const open = rows[0]?.open ?? 0;
      tell(`${open} open`);
      return open === 0;
    });
  }

  /** Workflows have heard of everything and have ended. */
  quiet(tell: Tell): Promise<void> {
    return this.#until(async () => {
      const { rows } = await this.#pool.query<{ untold: number }>(
        'SELECT (SELECT count(*) FROM agent_task_outbox WHERE available_at < now()) + (SELECT count(*) FROM workflow_outbox) AS untold',
      );
      const untold = rows[0]?.untold ?? 0;
      const running = await this.#client.workflow.count(
        `WorkflowType IN ('${WORKFLOW_TYPES.agentTask}', '${WORKFLOW_TYPES.deployment}') AND ExecutionStatus = 'Running'`,
      );
      tell(`${untold} changes to tell, ${running.count} workflows`);
      return untold === 0 && running.count === 0;
    });
  }

  /** From creation to COMPLETED. */
  async durations(ids: readonly string[]): Promise<{ p50_ms: number; p99_ms: number }> {
    const { rows } = await this.#pool.query<{ p50_ms: number; p99_ms: number }>(
      `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS p99_ms
       FROM (SELECT (extract(epoch FROM ended_at - created_at) * 1000)::float8 AS ms FROM deployment_intent WHERE id = ANY($1::uuid[])) t`,
      [ids],
    );
    return rows[0] ?? { p50_ms: Number.NaN, p99_ms: Number.NaN };
  }

  /** What the deployments' own evidence, and their devices, came to. */
  async outcome(ids: readonly string[]): Promise<{ evidence: number; installed: number }> {
    const { rows } = await this.#pool.query<{ evidence: number; installed: number }>(
      `SELECT (SELECT count(*) FROM evidence_pack WHERE deployment_intent_id = ANY($1::uuid[])) AS evidence,
         (SELECT count(*) FROM deployment_device WHERE deployment_id = ANY($1::uuid[]) AND state = 'INSTALLED') AS installed`,
      [ids],
    );
    return rows[0] ?? { evidence: 0, installed: 0 };
  }

  /** Events in the histories of a deployment's workflow, run by run. */
  async histories(id: string): Promise<number[]> {
    const lengths: number[] = [];
    const query = `WorkflowId = '${deploymentWorkflowId(id)}'`;
    for await (const run of this.#client.workflow.list({ query })) lengths.push(run.historyLength ?? 0);
    return lengths;
  }

  async #until(done: () => Promise<boolean>): Promise<void> {
    while (!(await done())) {
      this.#signal.throwIfAborted();
      await delay(LOOK_MS);
    }
  }
}
