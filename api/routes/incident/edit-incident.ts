import { inspectScript } from '../../../ai/guardrails/index.ts';
import { type EditIncident, editIncidentSchema } from '../../../contracts/incident/incident.ts';
import type { Decider } from '../../../db/stores/incident/decisions.ts';
import type { ApiDependencies } from '../../context.ts';
import { ApiError } from '../../problems.ts';
import { shown } from './answers.ts';
import { decision } from './decision.ts';

export const editIncident = decision({
  word: 'edit',
  summary: 'Put a script of one’s own in place of the suggestion; it runs once it is approved',
  scope: 'approver',
  body: editIncidentSchema,
  refusals: ['remedy-blocked'],
  decide: async (deps, id, edited, decider) => {
    await shown(deps, id);
    await inspect(deps, id, edited, decider);
    return deps.stores.incidents.edit(id, edited, decider);
  },
});

/** People are held to the same guardrails as models. */
async function inspect(
  { stores }: ApiDependencies,
  id: string,
  edited: EditIncident,
  { actor, correlationId }: Decider,
): Promise<void> {
  const errors = (['script', 'verification'] as const).flatMap((path) =>
    inspectScript(edited[path], edited.interpreter).map(({ code, message, excerpt }) => ({
      path,
      message: `${code}: ${message}: ${excerpt}`,
    })),
  );
  if (errors.length === 0) return;
  await stores.audit.append({
    actor,
    action: 'incident.edit_blocked',
    kind: 'refusal',
    object_type: 'incident',
    object_id: id,
    after: { findings: errors.map(({ message }) => message).slice(0, 20) },
    correlation_id: correlationId,
  });
  throw new ApiError('remedy-blocked', 'The guardrails do not let this script through; errors tells why.', {
    errors: errors.slice(0, 50),
  });
}
