import type { Platform } from '../../contracts/agent/agent.ts';
import type { TaskType } from '../../contracts/agent-task/states.ts';
import type { ConfidenceParts, FailureCategory, Severity } from '../../contracts/incident/ai.ts';
import type { IncidentOutcome, IncidentStatus } from '../../contracts/incident/states.ts';

/** A row of `incident` as Postgres gives it; what only relays read is left out. */
export interface IncidentRow {
  id: string;
  fingerprint: string;
  window_start: Date;
  status: IncidentStatus;
  outcome: IncidentOutcome | null;
  version: number;
  platform: Platform;
  task_type: TaskType;
  package_name: string | null;
  exit_code: number | null;
  error: string;
  occurrence_count: number;
  device_count: number;
  first_seen_at: Date;
  last_seen_at: Date;
  analysis: number;
  question: string | null;
  label: FailureCategory | null;
  severity: Severity | null;
  root_cause: string | null;
  remediation: string | null;
  confidence: number | null;
  confidence_parts: ConfidenceParts | null;
  advice: string | null;
  preselected_suggestion: string | null;
  waiting_since: Date | null;
  reminders: number;
  approved_suggestion: string | null;
  retry_failed_tasks: boolean;
  decided_by: string | null;
  decided_at: Date | null;
  decision_note: string | null;
  closed_at: Date | null;
  correlation_id: string;
}
