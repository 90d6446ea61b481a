import { Context } from '@temporalio/activity';
import type { IncidentSnapshot } from '../../contracts/incident/snapshot.ts';
import type { IncidentStore } from '../../db/stores/incident/incident-store.ts';
import { postSigned, type Webhook } from '../alert-delivery/webhook.ts';
import { allAlive } from '../alive.ts';

export type IncidentActivities = ReturnType<typeof incidentActivities>;

type Incidents = Pick<IncidentStore, 'present' | 'remindOrExpire' | 'advance' | 'snapshots' | 'find'>;

/** What an incident's story does. Each answers the incident as it stands afterwards, whoever was quicker. */
export function incidentActivities(incidents: Incidents, webhook: Webhook | undefined) {
  return allAlive({
    async presentIncident(id: string, trouble: string | null): Promise<IncidentSnapshot> {
      await incidents.present(id, trouble);
      return present(id);
    },
    async remindOrExpireIncident(seen: IncidentSnapshot) {
      const done = await incidents.remindOrExpire(seen.incident_id);
      return { done, snapshot: await present(seen.incident_id) };
    },
    async advanceIncident(id: string): Promise<IncidentSnapshot> {
      await incidents.advance(id);
      return present(id);
    },
    /** Tells the webhook for alerts that a person is needed; one that has been decided meanwhile is told no more. */
    async notifyIncident(id: string, why: 'decision_needed' | 'reminder'): Promise<void> {
      if (webhook === undefined) return;
      const incident = await incidents.find(id);
      if (incident === undefined || incident.status !== 'AWAITING_DECISION') return;
      const { suggestions: _, remedies: __, ...told } = incident;
      await postSigned(
        webhook,
        JSON.stringify({ why, incident: told }),
        Context.current().cancellationSignal,
      );
    },
  });

  /** An incident that is gone, with a database that came back from an older backup, has ended. */
  async function present(id: string): Promise<IncidentSnapshot> {
    const [snapshot] = await incidents.snapshots([id]);
    return snapshot ?? gone(id);
  }
}

const gone = (id: string): IncidentSnapshot => ({
  incident_id: id,
  workflow_id: '',
  status: 'CLOSED',
  outcome: null,
  version: Number.MAX_SAFE_INTEGER,
  platform: '',
  label: null,
  severity: null,
  occurrences: 0,
  devices: 0,
  remedied: { all: 0, healthy: 0, failed: 0 },
  waiting_since: null,
  due: null,
  due_in_ms: null,
  due_at: null,
  correlation_id: '',
});
