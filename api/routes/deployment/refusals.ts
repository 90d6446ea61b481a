import type { CreateDeployment } from '../../../contracts/deployment/deployment.ts';
import type { DeploymentStatus } from '../../../contracts/deployment/states.ts';
import type { DeploymentCreation } from '../../../db/stores/deployment/creation.ts';
import type { Overlap } from '../../../db/stores/deployment/overlap.ts';
import { ApiError } from '../../problems.ts';
import { notFound } from '../types.ts';

const invalid = (path: string, detail: string, message: string): ApiError =>
  new ApiError('validation-failed', detail, { errors: [{ path, message }] });

/** Why a deployment was not created, as the caller is told. */
export function refuseDeployment(
  creation: Exclude<DeploymentCreation, { deployment: unknown }>,
  request: CreateDeployment,
): ApiError {
  switch (creation.kind) {
    case 'no_pipeline':
      return notFound('packaging pipeline', request.pipeline_id);
    case 'not_passed':
      return new ApiError(
        'pipeline-state-conflict',
        `The pipeline is ${creation.status}. Only what has PASSED can be deployed.`,
      );
    case 'no_evidence':
      return new ApiError(
        'pipeline-state-conflict',
        'The pipeline has no evidence pack yet. Wait for its end, or retry it.',
      );
    case 'no_signer':
      return new ApiError(
        'pipeline-state-conflict',
        `The platform does not know the public key that signed the package, so that no agent could check it. Package it anew (eucora packages retry ${request.pipeline_id}) and deploy the new pipeline.`,
      );
    case 'lapsed':
      return new ApiError(
        'pipeline-state-conflict',
        `The package may not be deployed any more: ${creation.reason}. Have the exceptions renewed, or package it anew (eucora packages retry ${request.pipeline_id}).`,
      );
    case 'overlap':
      return overlapConflict(creation.other);
    case 'no_plan':
      return invalid(
        'plan_name',
        'Apply the rollout plan first, or give plan.',
        'no rollout plan has this name',
      );
    case 'no_devices':
      return invalid(
        'selection',
        'No agent of the package’s platform fits. Widen the selection, or ask for late_joiners.',
        'fits no agent',
      );
    case 'key_reused':
      return new ApiError('idempotency-conflict', 'Use a new Idempotency-Key for a new deployment.');
  }
}

export const stateConflict = (status: DeploymentStatus, what: string): ApiError =>
  new ApiError('deployment-state-conflict', `The deployment is ${status}, so that it cannot be ${what}.`);

/** Two at once on one device would leave its version to chance. */
export const overlapConflict = ({ id, name, status }: Overlap): ApiError =>
  new ApiError(
    'deployment-state-conflict',
    `The deployment ${id} (${name}) of the same package is ${status} on some of the same devices. Wait for its end, abort it, or select other devices.`,
  );
