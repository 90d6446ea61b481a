import {
  type ChildWorkflowHandle,
  setCurrentDetails,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type DeploymentProgress,
  SITES,
  type SimulationOutcome,
  type SimulationPlan,
} from '../../contracts/simulation/simulation.ts';
import { close, steer } from './messages.ts';
import { describeCommand, type simulatedSite } from './site.ts';
import { ALL_SITES, type Stage } from './stage.ts';
import { STORIES } from './stories.ts';

/** A run of the virtual fleet: one child for each site, steered as the scenario has it. */
export async function simulation(plan: SimulationPlan): Promise<SimulationOutcome> {
  const events: string[] = [];
  const begun = Date.now();
  let deployment: DeploymentProgress | null = null;
  const tell = (event: string): void => {
    const seconds = Math.round((Date.now() - begun) / 1_000);
    events.push(`${seconds} s: ${event}`);
    setCurrentDetails(
      `**${plan.scenario}**, ${Math.round(plan.duration_ms / 1_000)} s\n\n${events.map((line) => `- ${line}`).join('\n')}`,
    );
  };
  const sites = await Promise.all(ALL_SITES.map((site) => startSite(plan, site)));
  const stage: Stage = {
    plan,
    tell,
    steer: async (numbers, command) => {
      tell(`${numbers.length} of ${SITES} sites: ${describeCommand(command).toLowerCase()}`);
      await Promise.all(numbers.map((site) => sites[site]?.signal(steer, command)));
    },
    until: async (ms, why) => {
      const left = ms - (Date.now() - begun);
      if (left > 0) await sleep(left, { summary: why });
    },
    noteDeployment: (progress) => {
      deployment = progress;
    },
  };
  await STORIES[plan.scenario](stage);
  await stage.until(plan.duration_ms, 'Until the run is over');
  await Promise.all(sites.map((site) => site.signal(close)));
  await Promise.all(sites.map((site) => site.result()));
  tell('over');
  return { scenario: plan.scenario, events, deployment };
}

function startSite(plan: SimulationPlan, site: number): Promise<ChildWorkflowHandle<typeof simulatedSite>> {
  return startChild<typeof simulatedSite>('simulatedSite', {
    workflowId: `${workflowInfo().workflowId}/site-${site}`,
    args: [site],
    staticSummary: `Site ${site} of ${SITES}, scenario ${plan.scenario}`,
  });
}
