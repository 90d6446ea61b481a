import type { RingCounts } from './gates.ts';
import type { DeploymentStatus, DeviceState, RingState } from './states.ts';

/** What one look at a deployment found and did, as its workflow sees it: counts and times, never devices. */
export interface DeploymentPass {
  readonly status: DeploymentStatus;
  /** Nothing is left to be done: the workflow may end. */
  readonly ended: boolean;
  /** Something moved in this look, so that the next one should be soon. */
  readonly progressed: boolean;
  /** Those who decide are to be reminded now. */
  readonly reminder_due: boolean;
  /** Milliseconds to the next moment that is known, such as the end of a soak; null where there is none. */
  readonly due_in_ms: number | null;
  /** Longest that the workflow should sleep although nothing is due, in milliseconds. */
  readonly patience_ms: number;
  readonly ring: { readonly name: string; readonly position: number; readonly of: number } | null;
  readonly ring_state: RingState | null;
  readonly counts: RingCounts | null;
  readonly devices: Readonly<Partial<Record<DeviceState, number>>>;
  /** For people: what it waits for, or why it ended. */
  readonly reason: string;
  /** Of the package, for the Web UI. */
  readonly title: string;
}

export interface DeploymentOutcome {
  readonly status: DeploymentStatus;
  readonly reason: string;
}
