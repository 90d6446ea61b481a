/**
 * The life of a deployment and of each device's part in it. One table says which word moves a deployment from where
 * to where; the SQL that moves them and the documentation read it.
 */

export const DEPLOYMENT_STATUSES = [
  'AWAITING_APPROVAL',
  'ROLLING_OUT',
  'PAUSED',
  'COMPLETED',
  'FAILED',
  'ROLLING_BACK',
  'ROLLED_BACK',
  'ABORTED',
  'REJECTED',
  'EXPIRED',
  'SUPERSEDED',
] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

export const DEPLOYMENT_WORDS = [
  'approve',
  'reject',
  'expire',
  'pause',
  'resume',
  'abort',
  'stop',
  'complete',
  'roll_back',
  'settle_rollback',
  'supersede',
] as const;
export type DeploymentWord = (typeof DEPLOYMENT_WORDS)[number];

type Transition = { readonly from: readonly DeploymentStatus[]; readonly to: DeploymentStatus };

/** `stop`: a gate said so, and nothing is to be rolled back by itself. */
export const DEPLOYMENT_TRANSITIONS: Readonly<Record<DeploymentWord, Transition>> = {
  approve: { from: ['AWAITING_APPROVAL'], to: 'ROLLING_OUT' },
  reject: { from: ['AWAITING_APPROVAL'], to: 'REJECTED' },
  expire: { from: ['AWAITING_APPROVAL'], to: 'EXPIRED' },
  pause: { from: ['ROLLING_OUT'], to: 'PAUSED' },
  resume: { from: ['PAUSED'], to: 'ROLLING_OUT' },
  abort: { from: ['AWAITING_APPROVAL', 'ROLLING_OUT', 'PAUSED', 'COMPLETED'], to: 'ABORTED' },
  stop: { from: ['ROLLING_OUT'], to: 'FAILED' },
  complete: { from: ['ROLLING_OUT'], to: 'COMPLETED' },
  roll_back: { from: ['ROLLING_OUT', 'PAUSED', 'COMPLETED', 'FAILED', 'ABORTED'], to: 'ROLLING_BACK' },
  settle_rollback: { from: ['ROLLING_BACK'], to: 'ROLLED_BACK' },
  supersede: { from: ['COMPLETED'], to: 'SUPERSEDED' },
};

/** The words of operators; the others are the platform's own, or the CAB's. */
export const OPERATOR_WORDS = ['pause', 'resume', 'abort', 'roll_back'] as const;
export type OperatorWord = (typeof OPERATOR_WORDS)[number];

/** A deployment in one of these states asks for nothing more once its open tasks have ended. */
export const RESTING_STATUSES = [
  'COMPLETED',
  'FAILED',
  'ROLLED_BACK',
  'ABORTED',
  'REJECTED',
  'EXPIRED',
  'SUPERSEDED',
] as const satisfies readonly DeploymentStatus[];

export function isResting(status: DeploymentStatus): boolean {
  return (RESTING_STATUSES as readonly DeploymentStatus[]).includes(status);
}

export const RING_STATES = ['WAITING', 'ROLLING', 'SOAKING', 'PASSED', 'STOPPED'] as const;
export type RingState = (typeof RING_STATES)[number];

/**
 * `SKIPPED`: the device does not meet the package's requirements, which is no failure. `SICK`: installed, and worse
 * than before.
 */
export const DEVICE_STATES = [
  'WAITING',
  'DISPATCHED',
  'INSTALLED',
  'SICK',
  'FAILED',
  'SKIPPED',
  'ROLLING_BACK',
  'ROLLED_BACK',
  'ROLLBACK_FAILED',
] as const;
export type DeviceState = (typeof DEVICE_STATES)[number];

/**
 * Why a device's task failed. The agent says the first six (`result.failure_kind`); `timeout`, `lost` and `cancelled`
 * follow from how the task ended.
 */
export const AGENT_FAILURE_KINDS = [
  'requirements',
  'dependency',
  'download',
  'signature',
  'install',
  'detection',
] as const;
export type AgentFailureKind = (typeof AGENT_FAILURE_KINDS)[number];
export const FAILURE_KINDS = [...AGENT_FAILURE_KINDS, 'timeout', 'lost', 'cancelled', 'other'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** After these the package cannot have touched the device: there is nothing to roll back. */
export const UNTOUCHED_KINDS = [
  'requirements',
  'dependency',
  'download',
  'signature',
  'lost',
] as const satisfies readonly FailureKind[];
