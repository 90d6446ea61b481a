import type {
  Incident,
  IncidentCall,
  IncidentDetail,
  IncidentOccurrence,
  IncidentRemedy,
  IncidentStep,
  IncidentSuggestion,
} from '../../contracts/incident/incident.ts';
import { clean } from '../output/clean.ts';
import { type Column, json, type Printer, text } from '../output/printer.ts';

const share = (value: number | null): string => (value === null ? '-' : `${Math.round(value * 100)} %`);
const stateOf = (incident: Incident, out: Printer): string =>
  incident.outcome === null
    ? out.status(incident.status)
    : `${incident.status} ${out.status(incident.outcome)}`;

export const incidentColumns: readonly Column<Incident>[] = [
  { title: 'ID', text: (incident) => incident.id },
  { title: 'STATUS', text: stateOf },
  { title: 'LABEL', text: (incident) => text(incident.label) },
  { title: 'SEVERITY', text: (incident) => text(incident.severity) },
  { title: 'PLATFORM', text: (incident) => incident.platform },
  { title: 'PACKAGE', text: (incident) => text(incident.package_name) },
  { title: 'DEVICES', text: (incident) => String(incident.device_count) },
  { title: 'SEEN', text: (incident) => String(incident.occurrence_count) },
  { title: 'LAST', text: (incident, out) => out.time(incident.last_seen_at) },
];

export const incidentFields: readonly Column<IncidentDetail>[] = [
  ...incidentColumns,
  { title: 'FIRST', text: (incident, out) => out.time(incident.first_seen_at) },
  { title: 'TASKS', text: (incident) => incident.task_type },
  { title: 'EXIT CODE', text: (incident) => text(incident.exit_code) },
  { title: 'ERROR', text: (incident) => text(incident.error) },
  { title: 'ROOT CAUSE', text: (incident) => text(incident.root_cause) },
  { title: 'WHAT TO DO', text: (incident) => text(incident.remediation) },
  { title: 'CONFIDENCE', text: (incident) => share(incident.confidence) },
  { title: 'ADVICE', text: (incident) => text(incident.advice) },
  { title: 'PRESELECTED', text: (incident) => text(incident.preselected_suggestion_id) },
  { title: 'WAITING SINCE', text: (incident, out) => out.time(incident.waiting_since) },
  { title: 'REMINDERS', text: (incident) => String(incident.reminders) },
  { title: 'DECIDED BY', text: (incident) => text(incident.decided_by) },
  { title: 'DECIDED', text: (incident, out) => out.time(incident.decided_at) },
  { title: 'NOTE', text: (incident) => text(incident.decision_note) },
  { title: 'REMEDIES', text: ({ remedies }) => remediesOf(remedies) },
  { title: 'TOKENS', text: ({ cost }) => costText(cost) },
  { title: 'CLOSED', text: (incident, out) => out.time(incident.closed_at) },
  { title: 'CORRELATION ID', text: (incident) => text(incident.correlation_id) },
  { title: 'WORKFLOW', text: (incident) => text(incident.workflow_id) },
];

const costText = ({ calls, cached_calls, input_tokens, output_tokens }: IncidentDetail['cost']): string =>
  `${input_tokens}+${output_tokens} in ${calls} calls${cached_calls === 0 ? '' : `, ${cached_calls} of them cached`}`;

/** How many devices are where, those states left out in which none is. */
export function remediesOf(remedies: IncidentDetail['remedies']): string {
  const there = Object.entries(remedies).filter(([, devices]) => devices > 0);
  return text(there.map(([state, devices]) => `${devices} ${state}`).join(', '));
}

/** A suggestion as a person must see it before it may run: every line of it, with nothing that moves the cursor. */
export function suggestionText(suggestion: IncidentSuggestion, preselected: boolean): string {
  const author =
    suggestion.provider === null ? suggestion.created_by : `${suggestion.provider} ${suggestion.model}`;
  const lines = [
    `Suggestion ${suggestion.id}${preselected ? ' (preselected)' : ''} by ${author}, confidence ${share(suggestion.confidence)}`,
    ...suggestion.explanation.split('\n').map((line) => `  ${line}`),
  ];
  for (const { code, message, excerpt } of suggestion.findings) {
    lines.push(`  Blocked: ${code}: ${message}: ${excerpt}`);
  }
  if (suggestion.script !== null) {
    lines.push(`  Script (${suggestion.interpreter}):`, ...quoted(suggestion.script));
    if (suggestion.verification !== null) lines.push('  Check:', ...quoted(suggestion.verification));
  }
  return `${clean(lines.join('\n'))}\n`;
}

const quoted = (script: string): string[] =>
  script
    .trimEnd()
    .split('\n')
    .map((line) => `  | ${line}`);

export const occurrenceColumns: readonly Column<IncidentOccurrence>[] = [
  { title: 'TASK', text: (seen) => seen.task_id },
  { title: 'AGENT', text: (seen) => seen.agent_id },
  { title: 'STATUS', text: (seen, out) => out.status(seen.task_status) },
  { title: 'FAILED', text: (seen, out) => out.time(seen.failed_at) },
  { title: 'ERROR', text: (seen) => text(seen.error_message) },
];

export const remedyColumns: readonly Column<IncidentRemedy>[] = [
  { title: 'AGENT', text: (remedy) => remedy.agent_id },
  { title: 'FIRST', text: (remedy) => (remedy.canary ? 'yes' : '') },
  { title: 'STATE', text: (remedy, out) => out.status(remedy.state) },
  { title: 'TASK', text: (remedy) => text(remedy.task_id) },
  { title: 'CHECKED BY', text: (remedy) => text(remedy.verify_task_id) },
  { title: 'APPROVED', text: (remedy, out) => out.time(remedy.approved_at) },
  { title: 'ENDED', text: (remedy, out) => out.time(remedy.ended_at) },
  { title: 'ERROR', text: (remedy) => text(remedy.error) },
];

export const callColumns: readonly Column<IncidentCall>[] = [
  { title: 'AT', text: (call, out) => out.time(call.at) },
  { title: 'PURPOSE', text: (call) => call.purpose },
  { title: 'PROMPT', text: (call) => text(`${call.prompt} ${call.prompt_version}`) },
  { title: 'PROVIDER', text: (call) => text(`${call.provider} ${call.model}`) },
  { title: 'OUTCOME', text: (call) => `${call.outcome}${call.cached ? ' (cached)' : ''}` },
  { title: 'TOKENS', text: (call) => `${call.input_tokens}+${call.output_tokens}` },
  { title: 'MS', text: (call) => String(call.latency_ms) },
  { title: 'ERROR', text: (call) => text(call.error) },
];

export const stepColumns: readonly Column<IncidentStep>[] = [
  { title: 'AT', text: (step, out) => out.time(step.at) },
  { title: 'ACTION', text: (step) => text(step.action) },
  { title: 'BY', text: (step) => text(`${step.actor_type} ${step.actor_id}`) },
  { title: 'AFTER', text: (step) => text(json(step.after).replaceAll(/\s+/g, ' ')) },
];

/** The incident, and every script that might be approved. */
export function answerIncident(out: Printer, incident: IncidentDetail): void {
  out.answer(incident, () =>
    [
      out.fields(incidentFields, incident),
      ...incident.suggestions.map((suggestion) =>
        suggestionText(suggestion, suggestion.id === incident.preselected_suggestion_id),
      ),
    ].join('\n'),
  );
}
