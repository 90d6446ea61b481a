import { rejectIncidentSchema } from '../../../contracts/incident/incident.ts';
import { decision } from './decision.ts';

export const rejectIncident = decision({
  word: 'reject',
  summary: 'Close the incident without a remedy; further failures in its window do not reopen it',
  scope: 'approver',
  body: rejectIncidentSchema,
  decide: ({ stores }, id, { reason }, decider) => stores.incidents.reject(id, reason, decider),
});
