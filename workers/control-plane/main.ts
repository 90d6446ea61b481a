import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime } from '@temporalio/worker';
import { type Config, parseConfig } from '../../contracts/config.ts';
import { openDatabase } from '../../db/database.ts';
import { createStores } from '../../db/stores/index.ts';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { runMain, stopOnSignals } from '../../runtime/process.ts';
import { ReadinessProbe } from '../../runtime/readiness.ts';
import {
  openClient,
  type TemporalSettings,
  temporalSettings,
  untilReachable,
} from '../../runtime/temporal.ts';
import { temporalLogger } from '../../runtime/temporal-logger.ts';
import { gaugeBacklog, healthApp, listen } from './health.ts';
import { IncidentRelay } from './incident-relay.ts';
import { remindAtStart } from './remind-at-start.ts';
import { TaskRelay } from './task-relay.ts';
import { builtWorkflowBundle, createControlPlaneWorker, ensureStandingWorkflows } from './worker.ts';
import { WorkflowRelay } from './workflow-relay.ts';

runMain(async () => {
  const config = parseConfig(process.env);
  const settings = temporalSettings(process.env);
  const logger = createLogger('eucora-worker', config.EUCORA_LOG_LEVEL);

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
    await run(config, settings, logger, stopping.signal, (end) => endings.push(end));
  } catch (error) {
    // What fails because we stop is no failure; the process ends with the last ending.
    if (!stopping.signal.aborted) throw error;
  }
});

/** @param atEnd takes what is to be ended at a stop, the last first */
async function run(
  config: Config,
  settings: TemporalSettings,
  logger: Logger,
  signal: AbortSignal,
  atEnd: (end: () => unknown) => void,
): Promise<void> {
  const workflowBundle = await builtWorkflowBundle(
    fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url)),
  );
  // Signals are ours to handle: the worker drains together with relay and pools.
  Runtime.install({ shutdownSignals: [], logger: temporalLogger(logger) });

  const database = openDatabase({
    url: config.DATABASE_URL,
    poolSize: config.EUCORA_DATABASE_POOL,
    applicationName: 'eucora-worker',
    onError: (error) => logger.warn({ err: error }, 'A connection to Postgres broke'),
  });
  atEnd(() => database.close());
  const stores = createStores(database, config);
  const { client, connection } = openClient(settings);
  atEnd(() => connection.close());
  const native = await untilReachable(
    'Temporal',
    logger,
    () => NativeConnection.connect(settings.connection),
    signal,
  );
  signal.throwIfAborted();
  atEnd(() => native.close());
  const worker = await createControlPlaneWorker({
    config,
    stores,
    client,
    connection: native,
    namespace: settings.namespace,
    workflowBundle,
  });
  const relay = new TaskRelay({ client, outbox: stores.outbox, tasks: stores.tasks, logger });
  const incidentRelay = new IncidentRelay({ client, incidents: stores.incidents, logger });
  const workflows = new WorkflowRelay({ client, outbox: stores.workflowOutbox, logger });
  await untilReachable(
    'Temporal or Postgres',
    logger,
    async () => {
      await remindAtStart(client, stores);
      await ensureStandingWorkflows(client);
    },
    signal,
  );

  const metrics = createMetrics();
  gaugeBacklog(metrics, stores.outbox);
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

  relay.start();
  incidentRelay.start();
  workflows.start();
  const running = worker.run();
  atEnd(async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
  });
  atEnd(() => relay.stop());
  atEnd(() => incidentRelay.stop());
  atEnd(() => workflows.stop());
  atEnd(() => health.close());
  logger.info('The control-plane worker runs');
  await running;
}
