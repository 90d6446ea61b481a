import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { STICKY_TIMEOUT } from '../../../contracts/temporal.ts';
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

type Side = Pick<BareRun, 'address' | 'worker'>;

/** A worker with a bare workflow, and the client that starts and tells it: one process, as the product's is. */
async function open({ address, worker: tuning }: Side): Promise<Client> {
  const workflowsPath = fileURLToPath(new URL('./bare-workflow.js', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath,
    preloadModules: [workflowsPath],
    logger: new DefaultLogger('ERROR'),
  });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue: TASK_QUEUE,
    workflowBundle,
    maxCachedWorkflows: tuning.cachedWorkflows,
    maxConcurrentWorkflowTaskExecutions: tuning.workflowTasks,
    maxConcurrentWorkflowTaskPolls: tuning.pollers,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
  });
  // For as long as the process lives, so that every round but the first finds it warm.
  worker.run().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
  return new Client({ connection: await Connection.connect({ address, interceptors: [] }) });
}

let opened: Promise<Client> | undefined;

async function run(asked: BareRun): Promise<{ seconds: number }> {
  const { count, concurrency, messages, workMs } = asked;
  opened ??= open(asked);
  const client = await opened;
  const name = `bare-${process.pid}-${Date.now()}`;
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
  return { seconds: (performance.now() - begun) / 1_000 };
}

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
answerParent(run);
