/**
 * The life of an incident. Like that of tasks it is one table, which the SQL that moves incidents, the workflow, the
 * documentation and the tests read.
 */

export const INCIDENT_STATUSES = ['OPENED', 'AWAITING_DECISION', 'CANARY', 'ROLLOUT', 'CLOSED'] as const;
/**
 * OPENED: being classified. AWAITING_DECISION: a person decides. CANARY: the approved remedy runs on one device.
 * ROLLOUT: it was healthy there and goes to the others. CLOSED: see the outcome.
 */
export type IncidentStatus = (typeof INCIDENT_STATUSES)[number];

/** How an incident ended: remedied; turned down by a person; nobody decided in time. */
export const INCIDENT_OUTCOMES = ['RESOLVED', 'REJECTED', 'EXPIRED'] as const;
export type IncidentOutcome = (typeof INCIDENT_OUTCOMES)[number];

export const INCIDENT_WORDS = [
  'present',
  'ask',
  'approve',
  'reject',
  'expire',
  'roll_out',
  'fall_back',
  'stop',
  'resolve',
  'reopen',
] as const;
export type IncidentWord = (typeof INCIDENT_WORDS)[number];

type Transition = { readonly from: readonly IncidentStatus[]; readonly to: IncidentStatus };

/** `ask`, `approve`, `reject` and `stop` are a person's words, the others the platform's. */
export const INCIDENT_TRANSITIONS: Readonly<Record<IncidentWord, Transition>> = {
  present: { from: ['OPENED'], to: 'AWAITING_DECISION' },
  ask: { from: ['AWAITING_DECISION'], to: 'OPENED' },
  approve: { from: ['AWAITING_DECISION'], to: 'CANARY' },
  reject: { from: ['AWAITING_DECISION'], to: 'CLOSED' },
  expire: { from: ['AWAITING_DECISION'], to: 'CLOSED' },
  roll_out: { from: ['CANARY'], to: 'ROLLOUT' },
  fall_back: { from: ['CANARY', 'ROLLOUT'], to: 'AWAITING_DECISION' },
  stop: { from: ['CANARY', 'ROLLOUT'], to: 'AWAITING_DECISION' },
  resolve: { from: ['CANARY', 'ROLLOUT'], to: 'CLOSED' },
  reopen: { from: ['CLOSED'], to: 'OPENED' },
};

/**
 * A device on its way through an approved remedy: WAITING for its turn, REMEDYING (the script's task), VERIFYING (the
 * failed task, done again), OBSERVING (its next heartbeat is awaited, and that the failure stays away), and the ends.
 * SKIPPED: its turn did not come. STOPPED: a person stopped the remedy after this device had begun it.
 */
export const REMEDY_STATES = [
  'WAITING',
  'REMEDYING',
  'VERIFYING',
  'OBSERVING',
  'HEALTHY',
  'FAILED',
  'SKIPPED',
  'STOPPED',
] as const;
export type RemedyState = (typeof REMEDY_STATES)[number];
export const RUNNING_REMEDY_STATES = [
  'REMEDYING',
  'VERIFYING',
  'OBSERVING',
] as const satisfies readonly RemedyState[];
