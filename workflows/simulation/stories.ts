import { proxyActivities, sleep } from '@temporalio/workflow';
import {
  PARTITIONED_SITES,
  RESTARTABLE,
  type Scenario,
  type SimulationActivities,
} from '../../contracts/simulation/simulation.ts';
import { ALL_SITES, type Stage } from './stage.ts';

const { beginDeployment, deploymentProgress } = proxyActivities<SimulationActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
});
// The platform that is restarted is the very one that runs this workflow: its answer may come late.
const { restartPlatform } = proxyActivities<SimulationActivities>({
  startToCloseTimeout: '5 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
});

const LOOK_EVERY_MS = 5_000;
/** For a deployment at least, however short the run; what has not ended by then is for the checks to judge. */
const DEPLOYMENT_LIMIT_MS = 15 * 60_000;

/** Each scenario's own events; the run goes on to its end after them. */
export const STORIES: Readonly<Record<Scenario, (stage: Stage) => Promise<void>>> = {
  steady: wakeInStep,

  'morning-storm': async (stage) => {
    await stage.steer(ALL_SITES, { kind: 'wake', within_ms: stage.plan.storm_ms });
  },

  partition: async (stage) => {
    const { lead_ms, partition_ms, spread_ms } = stage.plan;
    await wakeInStep(stage);
    await stage.until(lead_ms, 'Until the line breaks');
    const cut = ALL_SITES.slice(0, PARTITIONED_SITES);
    await stage.steer(cut, { kind: 'cut' });
    await stage.until(lead_ms + partition_ms, 'Until the line is mended');
    await stage.steer(cut, { kind: 'reconnect', within_ms: Math.min(spread_ms, 10_000) });
  },

  restart: async (stage) => {
    await wakeInStep(stage);
    const { duration_ms, lead_ms } = stage.plan;
    await stage.until(lead_ms, 'Until the API is killed');
    await restart(stage, 'api', ['api']);
    await stage.until((lead_ms + duration_ms) / 2, 'Until everything is killed');
    await restart(stage, 'everything', RESTARTABLE);
  },

  'bad-package': deploy,
  deployment: deploy,
};

async function wakeInStep(stage: Stage): Promise<void> {
  await stage.steer(ALL_SITES, { kind: 'wake', within_ms: stage.plan.spread_ms });
}

async function restart(
  stage: Stage,
  key: string,
  processes: Parameters<SimulationActivities['restartPlatform']>[1],
): Promise<void> {
  stage.tell(`${processes.join(', ')} killed and started again`);
  await restartPlatform.executeWithOptions({ summary: `Restarts ${key}` }, [key, processes]);
  stage.tell(`${key} back`);
}

async function deploy(stage: Stage): Promise<void> {
  await wakeInStep(stage);
  const { plan } = stage;
  await stage.until(plan.lead_ms, 'Until the deployment begins');
  const { package_name, agents } = plan.deployment;
  const begun = Date.now();
  const limit = Math.max(plan.duration_ms, DEPLOYMENT_LIMIT_MS);
  stage.tell(`${package_name} goes to ${agents} agents at most`);
  const id = await beginDeployment(plan.deployment);
  for (;;) {
    const progress = await deploymentProgress(id);
    stage.noteDeployment(progress);
    if (progress.open === 0) {
      const seconds = Math.round((Date.now() - begun) / 1_000);
      stage.tell(
        `the deployment ended after ${seconds} s${progress.status === undefined ? '' : `: ${progress.status}`}`,
      );
      return;
    }
    if (Date.now() - begun >= limit) {
      stage.tell(`${progress.open} of ${progress.tasks} devices were still open after ${limit / 1_000} s`);
      return;
    }
    await sleep(LOOK_EVERY_MS, { summary: `${progress.open} of ${progress.tasks} devices are open` });
  }
}
