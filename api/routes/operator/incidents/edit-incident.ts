import { inspectScript } from '../../../../ai/guardrails/index.ts';
import { editIncidentSchema, incidentDetailSchema } from '../../../../contracts/incident/incident.ts';
import { BODY_BYTES } from '../../../body-limits.ts';
import { requireJson } from '../../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../../openapi/route.ts';
import { ApiError } from '../../../problems.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../../types.ts';
import { DECISION_PROBLEMS, decided, shown } from './decision.ts';

export const editIncident: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/incidents/{id}/edit',
      tags: ['incidents'],
      summary: 'Put a script of one’s own in place of the suggestion; it runs once it is approved',
      security: OPERATOR_SECURITY,
      request: { params: idParams, body: json(editIncidentSchema) },
      responses: {
        200: answer('The incident', incidentDetailSchema),
        ...problems([...DECISION_PROBLEMS, 'remedy-blocked']),
      },
    },
    authorize('approver'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const edited = c.req.valid('json');
    await shown(deps, id);
    const decider = { actor: actorOf(c.var.operator), correlationId: c.var.correlationId };
    // People are held to the same guardrails as models.
    const errors = (['script', 'verification'] as const).flatMap((path) =>
      inspectScript(edited[path], edited.interpreter).map(({ code, message, excerpt }) => ({
        path,
        message: `${code}: ${message}: ${excerpt}`,
      })),
    );
    if (errors.length > 0) {
      await deps.stores.audit.append({
        actor: decider.actor,
        action: 'incident.edit_blocked',
        kind: 'refusal',
        object_type: 'incident',
        object_id: id,
        after: { findings: errors.map(({ message }) => message).slice(0, 20) },
        correlation_id: decider.correlationId,
      });
      throw new ApiError(
        'remedy-blocked',
        'The guardrails do not let this script through; errors tells why.',
        {
          errors: errors.slice(0, 50),
        },
      );
    }
    return c.json(await decided(deps, id, await deps.stores.incidents.edit(id, edited, decider)), 200);
  });
};
