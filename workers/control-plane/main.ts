import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime } from '@temporalio/worker';
import { Gauge } from 'prom-client';
import { parseConfig } from '../../contracts/config.ts';
import { openDatabase } from '../../db/database.ts';
import { createStores } from '../../db/stores/index.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { runMain, stopOnSignals } from '../../runtime/process.ts';
import { ReadinessProbe } from '../../runtime/readiness.ts';
import { openClient, temporalSettings, untilReachable } from '../../runtime/temporal.ts';
import { temporalLogger } from '../../runtime/temporal-logger.ts';
import { healthApp, listen } from './health.ts';
import { remindAtStart } from './remind-at-start.ts';
import { TaskRelay } from './task-relay.ts';
import { builtWorkflowBundle, createControlPlaneWorker, ensureStandingWorkflows } from './worker.ts';

runMain(async () => {
  const config = parseConfig(process.env);
  const settings = temporalSettings(process.env);
  const logger = createLogger('eucora-worker', config.EUCORA_LOG_LEVEL);
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
  const stores = createStores(database, config);
  const { client, connection } = openClient(settings);
  const native = await untilReachable('Temporal', logger, () =>
    NativeConnection.connect(settings.connection),
  );
  const worker = await createControlPlaneWorker({
    config,
    stores,
    client,
    connection: native,
    namespace: settings.namespace,
    workflowBundle,
  });
  const relay = new TaskRelay({ client, outbox: stores.outbox, tasks: stores.tasks, logger });
  await untilReachable('Temporal', logger, async () => {
    await remindAtStart(client, stores.outbox);
    await ensureStandingWorkflows(client);
  });

  const metrics = createMetrics();
  new Gauge({
    name: 'eucora_task_outbox_waiting',
    help: 'Tasks whose workflows have yet to hear of their present state',
    registers: [metrics],
    async collect() {
      this.set((await stores.outbox.backlog()).waiting);
    },
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

  relay.start();
  const running = worker.run();
  stopOnSignals(
    logger,
    async () => {
      health.close();
      await relay.stop();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await native.close();
      await connection.close();
      await database.close();
    },
    config.EUCORA_EXIT_WITH_PARENT,
  );
  logger.info('The control-plane worker runs');
  await running;
});
