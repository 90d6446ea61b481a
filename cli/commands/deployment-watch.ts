import type { Command } from 'commander';
import { z } from 'zod';
import {
  type Deployment,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import { isResting } from '../../contracts/deployment/states.ts';
import type { Api } from '../client/api.ts';
import { CliError } from '../client/errors.ts';
import type { Io } from '../client/io.ts';
import { DeploymentView } from '../output/deployment-view.ts';
import { argumentOf, type Runtime } from './context.ts';
import { duration, id, option } from './values.ts';

const SHORTEST_MS = 1_000;
const LONGEST_MS = 5_000;
const DEFAULT_PATIENCE_SECONDS = 120;

const watchOptions = z.object({ patience: z.number().default(DEFAULT_PATIENCE_SECONDS) });

export function addDeploymentWatch(deployments: Command, runtime: Runtime): void {
  const watch = deployments
    .command('watch')
    .argument('<id>', 'of the deployment', id)
    .addOption(option('--patience <span>', 'outage of the platform that is borne (default: 2m)', duration))
    .description('see the rings fill until the deployment ends; status 0 when it was COMPLETED, 4 otherwise');
  runtime.act(watch, watchOptions, async ({ api, io, out }, { patience }, args) => {
    const view = new DeploymentView(io, out);
    const deployment = await follow(io, await api(), argumentOf(args), patience * 1_000, view);
    if (deployment.status === 'COMPLETED') return;
    throw new CliError('unsuccessful', {
      title: `The deployment ended as ${deployment.status}`,
      detail: deployment.reason,
      hint: `eucora deployments devices ${deployment.id} shows each device.`,
      correlation_id: deployment.correlation_id,
    });
  });
}

/** Asks again and again, less often while nothing changes, until the deployment rests. */
async function follow(
  io: Io,
  api: Api,
  deploymentId: string,
  patienceMs: number,
  view: DeploymentView,
): Promise<Deployment> {
  let pause = SHORTEST_MS;
  let lostSince: number | undefined;
  for (;;) {
    try {
      const deployment = await api.get(`/deployments/${deploymentId}`, deploymentSchema);
      const { items } = await api.get(`/deployments/${deploymentId}/rings`, deploymentRingsSchema);
      lostSince = undefined;
      if (view.show(deployment, items)) pause = SHORTEST_MS;
      if (isResting(deployment.status)) return deployment;
    } catch (error) {
      if (!(error instanceof CliError && error.reason === 'unavailable')) throw error;
      lostSince ??= io.now();
      if (io.now() - lostSince >= patienceMs) throw error;
      view.lost();
    }
    await io.sleep(pause);
    pause = Math.min(pause * 1.5, LONGEST_MS);
  }
}
