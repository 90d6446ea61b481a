import { untilReachable } from '../../runtime/temporal.ts';
import { runWorkerProcess } from '../worker-process.ts';
import { gaugeBacklog } from './health.ts';
import { IncidentRelay } from './incident-relay.ts';
import { remindAtStart } from './remind-at-start.ts';
import { TaskRelay } from './task-relay.ts';
import { createControlPlaneWorker, ensureStandingWorkflows } from './worker.ts';
import { WorkflowRelay } from './workflow-relay.ts';

runWorkerProcess(
  {
    name: 'eucora-worker',
    make: async (parts) => {
      const { client, stores, logger, signal, metrics, atEnd } = parts;
      const worker = await createControlPlaneWorker(parts);
      await untilReachable(
        'Temporal or Postgres',
        logger,
        async () => {
          await remindAtStart(client, stores);
          await ensureStandingWorkflows(client);
        },
        signal,
      );
      gaugeBacklog(metrics, stores.outbox);
      const relays = [
        new TaskRelay({ client, outbox: stores.outbox, tasks: stores.tasks, logger }),
        new IncidentRelay({ client, incidents: stores.incidents, logger }),
        new WorkflowRelay({ client, outbox: stores.workflowOutbox, logger }),
      ];
      for (const relay of relays) {
        relay.start();
        atEnd(() => relay.stop());
      }
      return worker;
    },
  },
  process.env,
);
