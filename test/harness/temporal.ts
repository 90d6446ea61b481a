import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { WorkflowCoverage } from '@temporalio/nyc-test-coverage';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkerOptions,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import {
  CONTROL_PLANE_TASK_QUEUE,
  PACKAGING_TASK_QUEUE,
  SEARCH_ATTRIBUTES,
} from '../../contracts/temporal.ts';
import { createLogger } from '../../runtime/logger.ts';
import { TaskRelay } from '../../workers/control-plane/task-relay.ts';
import { controlPlaneActivities } from '../../workers/control-plane/worker.ts';
import type { TestDatabase } from './database.ts';

/** Also for bundles of tests that bring workflows of their own. */
export const coverage = new WorkflowCoverage();
// Workflows hand their counters out of the sandbox; Jest finds them beside its own, as plain objects.
afterAll(() => {
  coverage.mergeIntoGlobalCoverage();
  const counters = globalThis as { __coverage__?: object };
  if (counters.__coverage__ !== undefined)
    counters.__coverage__ = JSON.parse(JSON.stringify(counters.__coverage__));
});

const quietLogger = () => new DefaultLogger('ERROR');
// Before any environment is made: a test run's output belongs to the tests.
Runtime.install({ logger: quietLogger(), shutdownSignals: [] });

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The workflows as they are now, bundled once a test file; with counters when the run measures coverage. */
export function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  bundle ??= bundleWorkflowCode(
    coverage.augmentBundleOptions({
      workflowsPath: join(__dirname, '../../workflows/index.ts'),
      logger: quietLogger(),
    }),
  );
  return bundle;
}

/** Options of a worker of a test's own, with the workflows as they are now. */
export async function withWorkflowCoverage(options: WorkerOptions): Promise<WorkerOptions> {
  return coverage.augmentWorkerOptionsWithBundle({ ...options, workflowBundle: await workflowBundle() });
}

/** As the build makes it: without counters, for workers that are set up by the product's own code. */
export function plainWorkflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  const workflowsPath = join(__dirname, '../../workflows/index.ts');
  return bundleWorkflowCode({ workflowsPath, preloadModules: [workflowsPath], logger: quietLogger() });
}

export interface TestControlPlane {
  /**
   * Waits in real time. A result awaited by the environment's own client skips to whatever comes next, be it the end
   * of a workflow's run in ten years: tests say by `pass` how far time may go.
   */
  readonly client: Client;
  readonly relay: TaskRelay;
  /** The database sees the environment's time; called before each activity, and by tests before they act. */
  syncClock(): Promise<void>;
  /** Lets time pass, then sees to it that the database knows. */
  pass(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

type Activities = Parameters<typeof Worker.create>[0]['activities'];

export interface ControlPlaneOptions {
  /** In place of the real ones of the same name. */
  readonly activities?: Activities;
  /** What a packaging worker does; without them there is none. */
  readonly packaging?: Activities;
  readonly client?: Client;
  /** Called when the clock has been set for an activity, before it runs. */
  readonly beforeActivity?: () => Promise<void>;
}

/**
 * The control plane's worker in an environment that skips time, with the real activities on a database whose clock
 * follows. The relay does not run by itself: tests call `relayOnce`.
 */
export async function controlPlane(
  env: TestWorkflowEnvironment,
  database: TestDatabase,
  options: ControlPlaneOptions = {},
): Promise<TestControlPlane> {
  const client =
    options.client ?? new Client({ connection: env.connection, namespace: env.namespace ?? 'default' });
  const { config, stores } = database;
  // Never back, by however much an answer was late: what is due now would not be due a moment later.
  let ahead = Number.NEGATIVE_INFINITY;
  const syncClock = async () => {
    ahead = Math.max(ahead, (await env.currentTimeMs()) - Date.now());
    await database.setClock(ahead / 1_000);
  };
  const worker = await Worker.create(
    coverage.augmentWorkerOptionsWithBundle({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
      workflowBundle: await workflowBundle(),
      // On a busy machine a worker may be slower than the server thinks; it would then ask others in vain.
      stickyQueueScheduleToStartTimeout: '1 minute',
      activities: { ...controlPlaneActivities({ config, stores, client }), ...options.activities },
      interceptors: {
        activity: [
          () => ({
            inbound: {
              execute: async (input, next) => {
                await syncClock();
                await options.beforeActivity?.();
                return next(input);
              },
            },
          }),
        ],
      },
    }),
  );
  const workers = [worker];
  if (options.packaging !== undefined)
    workers.push(
      await Worker.create({
        connection: env.nativeConnection,
        namespace: env.namespace ?? 'default',
        taskQueue: PACKAGING_TASK_QUEUE,
        activities: options.packaging,
      }),
    );
  const running = workers.map((each) => each.run());
  return {
    client,
    relay: new TaskRelay({
      client,
      outbox: stores.outbox,
      tasks: stores.tasks,
      logger: createLogger('test', 'silent'),
    }),
    syncClock,
    pass: async (seconds) => {
      await env.sleep(seconds * 1_000);
      await syncClock();
    },
    stop: async () => {
      for (const each of workers) each.shutdown();
      await Promise.all(running);
    },
  };
}

/** An unregistered search attribute would let its workflow hang. */
export async function registerSearchAttributes(env: TestWorkflowEnvironment): Promise<void> {
  const KEYWORD = 2;
  await env.connection.operatorService.addSearchAttributes({
    namespace: env.namespace ?? 'default',
    searchAttributes: Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map((name) => [name, KEYWORD])),
  });
}
