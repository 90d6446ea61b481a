import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { NativeConnection, Runtime, type Worker, type WorkflowBundle } from '@temporalio/worker';
import type { Registry } from 'prom-client';
import { type Config, parseConfig } from '../contracts/config.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { createStores, type Stores } from '../db/stores/index.ts';
import { createLogger, type Logger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { runMain, stopOnSignals } from '../runtime/process.ts';
import { ReadinessProbe } from '../runtime/readiness.ts';
import { openClient, type TemporalSettings, temporalSettings, untilReachable } from '../runtime/temporal.ts';
import { temporalLogger } from '../runtime/temporal-logger.ts';
import { healthApp, listen } from './control-plane/health.ts';
import { builtWorkflowBundle } from './control-plane/worker.ts';

/** What a worker's process has before its worker is made. */
export interface WorkerParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly database: Database;
  readonly stores: Stores;
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: WorkflowBundle;
  readonly metrics: Registry;
  /** Fires when the process stops. */
  readonly signal: AbortSignal;
  /** Takes what is to be ended at a stop, the last first. */
  readonly atEnd: (end: () => unknown) => void;
}

export interface WorkerProgram {
  /** In logs and in Postgres' list of connections. */
  readonly name: string;
  /** Makes the worker and what goes with it. */
  readonly make: (parts: WorkerParts) => Promise<Worker>;
}

/** Runs a worker as a process of its own: settings, connections, health page, orderly stop. */
export function runWorkerProcess(
  program: WorkerProgram,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  runMain(async () => {
    const config = parseConfig(environment);
    const logger = createLogger(program.name, config.EUCORA_LOG_LEVEL);
    // Before the first wait: an orphan or a stopped worker must not wait for engines that never come.
    const stopping = new AbortController();
    const endings: (() => unknown)[] = [];
    stopOnSignals(
      logger,
      async () => {
        stopping.abort(new Error('the worker is stopped'));
        for (const end of endings.reverse()) await end();
      },
      config.EUCORA_EXIT_WITH_PARENT,
    );
    try {
      await run(program, config, temporalSettings(environment), logger, stopping.signal, (end) =>
        endings.push(end),
      );
    } catch (error) {
      // What fails because we stop is no failure; the process ends with the last ending.
      if (!stopping.signal.aborted) throw error;
    }
  });
}

async function run(
  program: WorkerProgram,
  config: Config,
  settings: TemporalSettings,
  logger: Logger,
  signal: AbortSignal,
  atEnd: (end: () => unknown) => void,
): Promise<void> {
  const workflowBundle = await builtWorkflowBundle(
    fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)),
  );
  // Signals are ours to handle: the worker drains together with all that it uses.
  Runtime.install({ shutdownSignals: [], logger: temporalLogger(logger) });
  const database = openDatabase({
    url: config.DATABASE_URL,
    poolSize: config.EUCORA_DATABASE_POOL,
    applicationName: program.name,
    onError: (error) => logger.warn({ err: error }, 'A connection to Postgres broke'),
  });
  atEnd(() => database.close());
  const { client, connection } = openClient(settings);
  atEnd(() => connection.close());
  const connect = () => NativeConnection.connect(settings.connection);
  const native = await untilReachable('Temporal', logger, connect, signal);
  signal.throwIfAborted();
  atEnd(() => native.close());
  const metrics = createMetrics();
  const worker = await program.make({
    config,
    logger,
    database,
    stores: createStores(database, config),
    client,
    connection: native,
    namespace: settings.namespace,
    workflowBundle,
    metrics,
    signal,
    atEnd,
  });
  const probe = new ReadinessProbe([
    { name: 'postgres', check: () => database.pool.query('SELECT 1') },
    {
      name: 'temporal',
      check: () =>
        connection.withDeadline(Date.now() + 1_500, () => client.workflowService.getSystemInfo({})),
    },
    {
      name: 'worker',
      check: async () => worker.getState() === 'RUNNING' || Promise.reject(new Error(worker.getState())),
    },
  ]);
  const health = await listen(
    healthApp(probe, metrics),
    config.EUCORA_WORKER_HEALTH_HOST,
    config.EUCORA_WORKER_HEALTH_PORT,
  );
  signal.throwIfAborted();
  const running = worker.run();
  atEnd(async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
  });
  atEnd(() => health.close());
  logger.info('The worker runs');
  await running;
}
