import type { TaskType } from '../../../contracts/agent-task/states.ts';
import type { Config } from '../../../contracts/config.ts';
import { ApiError } from '../../problems.ts';

/** Where packages reach devices by deployments alone, nobody hands one over past evidence and approval. */
export function refuseDirectDeploy(
  { EUCORA_DIRECT_DEPLOYS: direct }: Pick<Config, 'EUCORA_DIRECT_DEPLOYS'>,
  type: TaskType | undefined,
): void {
  if (type !== 'DEPLOY' || direct === 'allowed') return;
  throw new ApiError(
    'deployment-required',
    'Packages reach devices by deployments alone here: package it, and create a deployment of the pipeline.',
  );
}
