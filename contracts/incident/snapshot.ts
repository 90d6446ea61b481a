import type { IncidentOutcome, IncidentStatus } from './states.ts';

/** What an incident's workflow waits for: the next reminder, the end of waiting, the next look at devices. */
export type IncidentDue = 'reminder' | 'end' | 'check';

/**
 * What an incident's workflow is told: the row as it stood at one moment. Nothing that a device said is in it, so
 * that no history in Temporal ever holds device text. The higher `version` counts.
 */
export interface IncidentSnapshot {
  readonly incident_id: string;
  readonly workflow_id: string;
  readonly status: IncidentStatus;
  readonly outcome: IncidentOutcome | null;
  /** Grows by one with everything that the workflow must hear of. */
  readonly version: number;
  readonly platform: string;
  readonly label: string | null;
  readonly severity: string | null;
  readonly occurrences: number;
  readonly devices: number;
  /** Devices of the approved remedy: all, healthy by now, failed. */
  readonly remedied: { readonly all: number; readonly healthy: number; readonly failed: number };
  /** When the present wait for a person began; absent in what an earlier version told. */
  readonly waiting_since?: string | null;
  readonly due: IncidentDue | null;
  /** Milliseconds until it is due, by the database's clock. */
  readonly due_in_ms: number | null;
  readonly due_at: string | null;
  readonly correlation_id: string;
}

/** How an incident ended; the result of its workflow. */
export interface IncidentEnd {
  readonly outcome: IncidentOutcome | null;
  readonly occurrences: number;
}
