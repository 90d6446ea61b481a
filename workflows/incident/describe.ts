import type { IncidentSnapshot } from '../../contracts/incident/snapshot.ts';

/** What an operator reads in the Temporal Web UI: where the incident stands and what it waits for. */
export function describeIncident(incident: IncidentSnapshot): string {
  const seen = `${incident.occurrences} occurrences on ${incident.devices} devices`;
  const judged = incident.label === null ? '' : ` ${incident.label}, severity ${incident.severity}.`;
  return `**${incident.status}** (${seen}).${judged} ${waitsFor(incident)}`;
}

function waitsFor({ status, outcome, incident_id, remedied }: IncidentSnapshot): string {
  switch (status) {
    case 'OPENED':
      return 'The failure is being classified, and a remedy looked for.';
    case 'AWAITING_DECISION':
      return `Waits for a person: \`eucora incidents show ${incident_id}\`, then approve, edit, ask or reject.`;
    case 'CANARY':
      return 'The approved remedy runs on one device first.';
    case 'ROLLOUT':
      return `Healthy by now: ${remedied.healthy} of ${remedied.all} devices; failed: ${remedied.failed}.`;
    case 'CLOSED':
      return `Closed: ${outcome}.`;
  }
}
