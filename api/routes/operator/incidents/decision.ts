import type { IncidentDetail } from '../../../../contracts/incident/incident.ts';
import type { DecisionAnswer } from '../../../../db/stores/incident/decisions.ts';
import type { ApiDependencies } from '../../../context.ts';
import { ApiError } from '../../../problems.ts';
import { notFound } from '../../types.ts';

/** What every decision may answer beside its incident. */
export const DECISION_PROBLEMS = [
  'unauthenticated',
  'forbidden',
  'not-found',
  'incident-state-conflict',
  'payload-too-large',
  'unsupported-media-type',
] as const;

export async function shown({ stores }: ApiDependencies, id: string): Promise<IncidentDetail> {
  const incident = await stores.incidents.find(id);
  if (incident === undefined) throw notFound('incident', id);
  return incident;
}

/** The incident after a decision, or why it was not taken. */
export async function decided(
  deps: ApiDependencies,
  id: string,
  answer: DecisionAnswer,
): Promise<IncidentDetail> {
  switch (answer.kind) {
    case 'decided':
      return shown(deps, id);
    case 'not_found':
      throw notFound('incident', id);
    case 'refused':
      throw new ApiError(
        'incident-state-conflict',
        `The incident is ${answer.status}; decisions are taken while it is AWAITING_DECISION.`,
        { incident_status: answer.status },
      );
    case 'no_device':
      throw new ApiError(
        'incident-state-conflict',
        'No device of the incident can take a task any more: all were revoked, deleted or remedied.',
        { incident_status: 'AWAITING_DECISION' },
      );
    case 'not_preselected':
      throw new ApiError('validation-failed', 'No suggestion is preselected: look at them, then name one.', {
        errors: [{ path: 'suggestion_id', message: 'must name a suggestion of the incident' }],
      });
    case 'no_suggestion':
      throw new ApiError('validation-failed', 'The incident has no such suggestion.', {
        errors: [{ path: 'suggestion_id', message: 'must name a suggestion of the incident' }],
      });
    case 'blocked_suggestion':
      throw new ApiError(
        'remedy-blocked',
        'The guardrails blocked this suggestion. Write another script, or ask again.',
      );
  }
}
