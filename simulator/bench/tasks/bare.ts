import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { answerParent } from '../parts/child.ts';

export interface BareRun {
  readonly address: string;
  readonly count: number;
  /** Workflows under way at once. */
  readonly concurrency: number;
  /** Signals that a workflow takes, on the average. */
  readonly messages: number;
  /** Between the last two signals. */
  readonly workMs: number;
  readonly worker: {
    readonly cachedWorkflows: number;
    readonly pollers: number;
    readonly workflowTasks: number;
  };
}

/** As long as the snapshot of a task. */
const BODY = { task: 'x'.repeat(420) };
const TASK_QUEUE = 'bench-bare';

/** A worker with a bare workflow, and the client that starts and tells it: one process, as the product's is. */
async function run({
  address,
  count,
  concurrency,
  messages,
  workMs,
  worker: tuning,
}: BareRun): Promise<{ seconds: number }> {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./bare-workflow.js', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    taskQueue: TASK_QUEUE,
    workflowBundle,
    maxCachedWorkflows: tuning.cachedWorkflows,
    maxConcurrentWorkflowTaskExecutions: tuning.workflowTasks,
    maxConcurrentWorkflowTaskPolls: tuning.pollers,
  });
  const connection = await Connection.connect({ address, interceptors: [] });
  const client = new Client({ connection });
  const name = `bare-${process.pid}-${Date.now()}`;
  const seconds = await worker.runUntil(async () => {
    const begun = performance.now();
    let next = 0;
    const slot = async (): Promise<void> => {
      while (next < count) {
        const n = next;
        next += 1;
        // 1.4 messages on the average: two of five workflows get two, the others one.
        const own = Math.floor((n + 1) * messages) - Math.floor(n * messages);
        const handle = await client.workflow.start('bareTask', {
          workflowId: `${name}-${n}`,
          taskQueue: TASK_QUEUE,
          args: [BODY, own],
          staticSummary: 'COLLECT on linux agent',
        });
        for (let message = 1; message <= own; message += 1) {
          if (message === own) await new Promise((resolve) => setTimeout(resolve, workMs));
          await handle.signal('told', BODY);
        }
        await handle.result();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, slot));
    return (performance.now() - begun) / 1_000;
  });
  await connection.close();
  await native.close();
  return { seconds };
}

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
answerParent(run);
