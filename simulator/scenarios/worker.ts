import { NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { SIMULATION_TASK_QUEUE } from '../../contracts/simulation/simulation.ts';
import { simulationActivities } from './activities.ts';
import type { Steering } from './steering.ts';

export interface ScenarioWorker {
  stop(): Promise<void>;
}

/** The worker of the simulator's own task queue; the product's worker knows nothing of it. */
export async function startScenarioWorker(options: {
  readonly address: string;
  readonly namespace: string;
  readonly bundle: WorkflowBundle;
  readonly steering: Steering;
}): Promise<ScenarioWorker> {
  const connection = await NativeConnection.connect({ address: options.address });
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: SIMULATION_TASK_QUEUE,
    workflowBundle: options.bundle,
    activities: simulationActivities(options.steering),
    maxCachedWorkflows: 20,
    maxConcurrentWorkflowTaskPolls: 2,
    maxConcurrentActivityTaskPolls: 2,
    shutdownGraceTime: '1 second',
    shutdownForceTime: '5 seconds',
  });
  const running = worker.run();
  // Told by `stop`, which waits for it.
  running.catch(() => undefined);
  return {
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
