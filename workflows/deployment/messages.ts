import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { DeploymentPass } from '../../contracts/deployment/pass.ts';
import { DEPLOYMENT_CHANGED } from '../../contracts/temporal.ts';

/** Something was said of the deployment: look now. Carries nothing, for the row is the authority. */
export const deploymentChanged = defineSignal(DEPLOYMENT_CHANGED);

/** What the last look found. */
export const deploymentPass = defineQuery<DeploymentPass | undefined>('deploymentPass');
