import type { OperatorRoute } from '../types.ts';
import { applyFleet } from './apply-fleet.ts';
import { createDeployment } from './create-deployment.ts';
import { decideDeployment } from './decide-deployment.ts';
import { listDecisions } from './list-decisions.ts';
import { listDeployments } from './list-deployments.ts';
import { listDevices } from './list-devices.ts';
import { listPlans } from './list-plans.ts';
import { listRings } from './list-rings.ts';
import { showDeployment } from './show-deployment.ts';
import { deploymentWords } from './words.ts';

/** Deployments: from a package that passed into the fleet. */
export const deploymentRoutes: readonly OperatorRoute[] = [
  createDeployment,
  listDeployments,
  showDeployment,
  listRings,
  listDevices,
  listDecisions,
  decideDeployment,
  ...deploymentWords,
  listPlans,
  applyFleet,
];
