import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import {
  type Scenario,
  SIMULATION_TASK_QUEUE,
  SIMULATION_WORKFLOW_TYPES,
  type SimulationOutcome,
  type SimulationPlan,
} from '../../../contracts/simulation/simulation.ts';
import { simulationActivities } from '../../../simulator/scenarios/activities.ts';
import type { Steering } from '../../../simulator/scenarios/steering.ts';
import { timeSkippingEnvironment } from '../../harness/engines.ts';
import { coverage } from '../../harness/temporal.ts';

const OPTIONS = {
  workflowsPath: join(__dirname, '../../../workflows/simulation/index.ts'),
  logger: new DefaultLogger('ERROR'),
};

export const plainSimulationBundle = () =>
  bundleWorkflowCode({ ...OPTIONS, preloadModules: [OPTIONS.workflowsPath] });

export function planFor(scenario: Scenario): SimulationPlan {
  return {
    run_id: `test-${scenario}`,
    scenario,
    duration_ms: 1_200_000,
    lead_ms: 120_000,
    spread_ms: 60_000,
    storm_ms: 120_000,
    partition_ms: 360_000,
    deployment: { package_name: `package-${scenario}`, agents: 100, failure_share: 0.2 },
  };
}

/** Notes what scenarios ask for, with the second of the run in which they do. */
export class NotedSteering implements Steering {
  readonly notes: string[] = [];
  /** Deployments stay where they are. */
  stuck = false;
  readonly #env: TestWorkflowEnvironment;
  #begun = 0;
  #looks = 0;

  constructor(env: TestWorkflowEnvironment) {
    this.#env = env;
  }

  async begin(): Promise<void> {
    this.#begun = await this.#env.currentTimeMs();
    this.notes.length = 0;
    this.#looks = 0;
  }

  async steerSite(...[site, command]: Parameters<Steering['steerSite']>): Promise<number> {
    await this.#note(`site ${site}: ${command.kind}${'within_ms' in command ? ` ${command.within_ms}` : ''}`);
    return 7;
  }

  async beginDeployment(...[order]: Parameters<Steering['beginDeployment']>): Promise<string> {
    await this.#note(`deploy ${order.package_name} to ${order.agents}`);
    return 'deployment-1';
  }

  async deploymentProgress() {
    this.#looks += 1;
    const open = this.stuck ? 100 : Math.max(0, 100 - 40 * this.#looks);
    return { tasks: 100, completed: 80, failed: 20, open };
  }

  async restartPlatform(...[processes]: Parameters<Steering['restartPlatform']>): Promise<void> {
    await this.#note(`restart ${processes.join(' ')}`);
  }

  async #note(text: string): Promise<void> {
    const seconds = Math.floor(((await this.#env.currentTimeMs()) - this.#begun) / 1_000);
    this.notes.push(`${seconds} s ${text}`);
  }
}

export interface ScenarioWorld {
  readonly env: TestWorkflowEnvironment;
  readonly client: Client;
  readonly steering: NotedSteering;
  play(plan: SimulationPlan): Promise<SimulationOutcome>;
  stop(): Promise<void>;
}

/** The simulator's workflows in an environment that skips time. */
export async function scenarioWorld(): Promise<ScenarioWorld> {
  const env = await timeSkippingEnvironment();
  const steering = new NotedSteering(env);
  const worker = await Worker.create(
    coverage.augmentWorkerOptionsWithBundle({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      taskQueue: SIMULATION_TASK_QUEUE,
      workflowBundle: await bundleWorkflowCode(coverage.augmentBundleOptions(OPTIONS)),
      activities: simulationActivities(steering),
    }),
  );
  const running = worker.run();
  return {
    env,
    client: env.client,
    steering,
    play: async (plan) => {
      await steering.begin();
      return env.client.workflow.execute(SIMULATION_WORKFLOW_TYPES.simulation, {
        taskQueue: SIMULATION_TASK_QUEUE,
        workflowId: `simulation/${plan.run_id}`,
        args: [plan],
      });
    },
    stop: async () => {
      worker.shutdown();
      await running;
      await env.teardown();
    },
  };
}
