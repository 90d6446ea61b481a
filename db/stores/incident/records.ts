import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Incident } from '../../../contracts/incident/incident.ts';
import { RUNNING_REMEDY_STATES } from '../../../contracts/incident/states.ts';
import { incidentWorkflowId } from '../../../contracts/temporal.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { iso, isoOrNull } from '../keyset.ts';

/** States of devices that an approved remedy has begun on and not ended, as SQL lists them. */
export const RUNNING_REMEDIES = RUNNING_REMEDY_STATES.map((state) => `'${state}'`).join(', ');

/** Who does what nobody in person does. */
export const workflowActor = ({
  fingerprint,
  window_start,
}: Pick<IncidentRow, 'fingerprint' | 'window_start'>): Actor => ({
  type: 'workflow',
  id: incidentWorkflowId(fingerprint, window_start),
});

/** The incident as operators see it. */
export function toIncident(row: IncidentRow): Incident {
  return {
    id: row.id,
    status: row.status,
    outcome: row.outcome,
    platform: row.platform,
    task_type: row.task_type,
    package_name: row.package_name,
    exit_code: row.exit_code,
    error: row.error,
    fingerprint: row.fingerprint,
    window_start: iso(row.window_start),
    occurrence_count: row.occurrence_count,
    device_count: row.device_count,
    first_seen_at: iso(row.first_seen_at),
    last_seen_at: iso(row.last_seen_at),
    label: row.label,
    severity: row.severity,
    root_cause: row.root_cause,
    remediation: row.remediation,
    confidence: row.confidence,
    confidence_parts: row.confidence_parts,
    advice: row.advice,
    preselected_suggestion_id: row.preselected_suggestion,
    approved_suggestion_id: row.approved_suggestion,
    retry_failed_tasks: row.retry_failed_tasks,
    waiting_since: isoOrNull(row.waiting_since),
    reminders: row.reminders,
    decided_by: row.decided_by,
    decided_at: isoOrNull(row.decided_at),
    decision_note: row.decision_note,
    closed_at: isoOrNull(row.closed_at),
    correlation_id: row.correlation_id,
    workflow_id: incidentWorkflowId(row.fingerprint, row.window_start),
  };
}
