import { askIncidentSchema } from '../../../contracts/incident/incident.ts';
import { decision } from './decision.ts';

export const askIncident = decision({
  word: 'ask',
  summary: 'Have the failure analysed anew, with a wish for the suggestion',
  scope: 'approver',
  body: askIncidentSchema,
  decide: ({ stores }, id, { wish }, decider) => stores.incidents.ask(id, wish, decider),
});
