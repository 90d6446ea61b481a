import type { Pool } from 'pg';
import type { IncidentDue, IncidentSnapshot } from '../../../contracts/incident/snapshot.ts';
import type { IncidentOutcome, IncidentStatus } from '../../../contracts/incident/states.ts';
import { incidentWorkflowId } from '../../../contracts/temporal.ts';
import { statement } from '../../database.ts';
import { isoOrNull } from '../keyset.ts';
import { RUNNING_REMEDIES } from './records.ts';

export interface IncidentRules {
  readonly windowSeconds: number;
  readonly reminderSeconds: number;
  readonly waitSeconds: number;
  readonly observeSeconds: number;
  readonly canarySeconds: number;
  readonly remedySeconds: number;
  readonly rolloutWindow: number;
}

export interface UntoldIncident {
  readonly id: string;
  /** How often telling was begun, this time included. */
  readonly attempts: number;
}

/** As with tasks: nobody may still be telling when its lease is over. */
const LEASE_SECONDS = 10;

/**
 * Incidents whose workflows have yet to hear of their present state; no other relay gets them meanwhile. What happens
 * from now on makes them due anew, at its own time.
 */
export async function leaseUntold(pool: Pool, limit: number): Promise<UntoldIncident[]> {
  const { rows } = await pool.query<UntoldIncident>(
    `UPDATE incident i SET leased_until = now() + interval '${LEASE_SECONDS} seconds', tell_at = NULL,
       tell_attempts = i.tell_attempts + 1
     FROM (SELECT id FROM incident WHERE (tell_at <= now() AND leased_until IS NULL) OR leased_until < now()
           ORDER BY tell_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
     WHERE i.id = due.id RETURNING i.id, i.tell_attempts AS attempts`,
    [limit],
  );
  return rows;
}

/** Their workflows know them as they were after the lease. */
export async function settleTold(pool: Pool, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await statement(pool, {
    text: 'UPDATE incident SET leased_until = NULL, tell_attempts = 0 WHERE id = ANY($1::uuid[])',
    values: [ids],
  });
}

/** It could not be told: again after `delayMs`. */
export async function releaseUntold(pool: Pool, id: string, delayMs: number): Promise<void> {
  await pool.query(
    `UPDATE incident SET leased_until = NULL, tell_at = now() + make_interval(secs => $2) WHERE id = $1`,
    [id, delayMs / 1_000],
  );
}

/**
 * Has the workflows of all incidents told that are not closed: one whose workflow was lost gets another one.
 *
 * @returns how many
 */
export async function remindOpenIncidents(pool: Pool): Promise<number> {
  const { rowCount } = await statement(pool, {
    text: `UPDATE incident SET tell_at = LEAST(COALESCE(tell_at, now()), now()) WHERE status <> 'CLOSED'`,
  });
  return rowCount ?? 0;
}

interface SnapshotRow {
  id: string;
  fingerprint: string;
  window_start: Date;
  status: IncidentStatus;
  outcome: IncidentOutcome | null;
  version: number;
  platform: string;
  label: string | null;
  severity: string | null;
  occurrence_count: number;
  device_count: number;
  remedied: number;
  healthy: number;
  failed: number;
  waiting_since: Date | null;
  due: IncidentDue | null;
  due_at: Date | null;
  due_in_ms: number | null;
  correlation_id: string;
}

const SNAPSHOT = `
  SELECT i.*, r.remedied, r.healthy, r.failed, d.due, d.due_at,
    GREATEST(0, ceil(extract(epoch FROM d.due_at - now()) * 1000))::bigint AS due_in_ms
  FROM incident i
  LEFT JOIN LATERAL (
    SELECT count(*)::int AS remedied, count(*) FILTER (WHERE state = 'HEALTHY')::int AS healthy,
      count(*) FILTER (WHERE state = 'FAILED')::int AS failed,
      CASE WHEN bool_or(state IN (${RUNNING_REMEDIES})) THEN min(check_at) ELSE now() END AS check_at
    FROM incident_remedy WHERE incident_id = i.id AND approved_at = i.decided_at
  ) r ON true
  LEFT JOIN LATERAL (
    SELECT CASE
        WHEN i.status IN ('CANARY', 'ROLLOUT') THEN 'check'
        WHEN i.status = 'AWAITING_DECISION' AND (i.reminders + 1) * $2 < $3 THEN 'reminder'
        WHEN i.status = 'AWAITING_DECISION' THEN 'end' END AS due,
      CASE
        WHEN i.status IN ('CANARY', 'ROLLOUT') THEN r.check_at
        WHEN i.status = 'AWAITING_DECISION'
          THEN i.waiting_since + make_interval(secs => LEAST((i.reminders + 1) * $2, $3)) END AS due_at
  ) d ON true
  WHERE i.id = ANY($1::uuid[])`;

/** Incidents as their workflows see them. */
export async function readIncidentSnapshots(
  pool: Pool,
  ids: readonly string[],
  rules: IncidentRules,
): Promise<IncidentSnapshot[]> {
  const { rows } = await pool.query<SnapshotRow>(SNAPSHOT, [ids, rules.reminderSeconds, rules.waitSeconds]);
  return rows.map((row) => ({
    incident_id: row.id,
    workflow_id: incidentWorkflowId(row.fingerprint, row.window_start),
    status: row.status,
    outcome: row.outcome,
    version: row.version,
    platform: row.platform,
    label: row.label,
    severity: row.severity,
    occurrences: row.occurrence_count,
    devices: row.device_count,
    remedied: { all: row.remedied, healthy: row.healthy, failed: row.failed },
    waiting_since: isoOrNull(row.waiting_since),
    due: row.due,
    due_in_ms: row.due_in_ms,
    due_at: isoOrNull(row.due_at),
    correlation_id: row.correlation_id,
  }));
}
