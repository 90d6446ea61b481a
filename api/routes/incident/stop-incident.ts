import { stopIncidentSchema } from '../../../contracts/incident/incident.ts';
import { decision } from './decision.ts';

export const stopIncident = decision({
  word: 'stop',
  summary:
    'Stop the approved remedy where it stands: no further device gets it, and a person decides anew; takes the scope operator or approver',
  // Whoever sees that it goes wrong may stop it, above all who approved it.
  scope: ['operator', 'approver'],
  body: stopIncidentSchema,
  taken: 'a remedy can be stopped while it runs, in CANARY or ROLLOUT',
  decide: ({ stores }, id, { reason }, decider) => stores.incidents.stop(id, reason, decider),
});
