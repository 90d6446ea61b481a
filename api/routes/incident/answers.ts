import type { IncidentDetail } from '../../../contracts/incident/incident.ts';
import type { DecisionAnswer } from '../../../db/stores/incident/decisions.ts';
import type { ApiDependencies } from '../../context.ts';
import { ApiError } from '../../problems.ts';
import { notFound } from '../types.ts';

export async function shown({ stores }: ApiDependencies, id: string): Promise<IncidentDetail> {
  const incident = await stores.incidents.find(id);
  if (incident === undefined) throw notFound('incident', id);
  return incident;
}

const unnamed = (detail: string): ApiError =>
  new ApiError('validation-failed', detail, {
    errors: [{ path: 'suggestion_id', message: 'must name a suggestion of the incident' }],
  });

/** The incident after a decision, or why it was not taken; `taken` says in which states it would have been. */
export async function decided(
  deps: ApiDependencies,
  id: string,
  answer: DecisionAnswer,
  taken: string,
): Promise<IncidentDetail> {
  switch (answer.kind) {
    case 'decided':
      return shown(deps, id);
    case 'not_found':
      throw notFound('incident', id);
    case 'refused':
      throw new ApiError('incident-state-conflict', `The incident is ${answer.status}; ${taken}.`, {
        incident_status: answer.status,
      });
    case 'no_device':
      throw new ApiError(
        'incident-state-conflict',
        'No device of the incident can take a task any more: all were revoked, deleted or remedied.',
        { incident_status: 'AWAITING_DECISION' },
      );
    case 'not_preselected':
      throw unnamed('No suggestion is preselected: look at them, then name one.');
    case 'no_suggestion':
      throw unnamed('The incident has no such suggestion.');
    case 'blocked_suggestion':
      throw new ApiError(
        'remedy-blocked',
        'The guardrails blocked this suggestion. Write another script, or ask again.',
      );
  }
}
