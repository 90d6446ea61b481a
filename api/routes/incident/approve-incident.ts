import { approveIncidentSchema } from '../../../contracts/incident/incident.ts';
import { decision } from './decision.ts';

export const approveIncident = decision({
  word: 'approve',
  summary: 'Approve a suggestion: it runs on one device first, and on the others once that one is healthy',
  scope: 'approver',
  body: approveIncidentSchema,
  refusals: ['remedy-blocked'],
  decide: ({ stores }, id, request, decider) => stores.incidents.approve(id, request, decider),
});
