import { askIncidentSchema, incidentDetailSchema } from '../../../../contracts/incident/incident.ts';
import { BODY_BYTES } from '../../../body-limits.ts';
import { requireJson } from '../../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../../openapi/route.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../../types.ts';
import { DECISION_PROBLEMS, decided } from './decision.ts';

export const askIncident: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/incidents/{id}/ask',
      tags: ['incidents'],
      summary: 'Have the failure analysed anew, with a wish for the suggestion',
      security: OPERATOR_SECURITY,
      request: { params: idParams, body: json(askIncidentSchema) },
      responses: { 200: answer('The incident', incidentDetailSchema), ...problems(DECISION_PROBLEMS) },
    },
    authorize('approver'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const decider = { actor: actorOf(c.var.operator), correlationId: c.var.correlationId };
    const answered = await deps.stores.incidents.ask(id, c.req.valid('json').wish, decider);
    return c.json(await decided(deps, id, answered), 200);
  });
};
