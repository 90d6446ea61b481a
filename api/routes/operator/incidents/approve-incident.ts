import { approveIncidentSchema, incidentDetailSchema } from '../../../../contracts/incident/incident.ts';
import { BODY_BYTES } from '../../../body-limits.ts';
import { requireJson } from '../../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../../openapi/route.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../../types.ts';
import { DECISION_PROBLEMS, decided } from './decision.ts';

export const approveIncident: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/incidents/{id}/approve',
      tags: ['incidents'],
      summary:
        'Approve a suggestion: it runs on one device first, and on the others once that one is healthy',
      security: OPERATOR_SECURITY,
      request: { params: idParams, body: json(approveIncidentSchema) },
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
    const decider = { actor: actorOf(c.var.operator), correlationId: c.var.correlationId };
    const answered = await deps.stores.incidents.approve(id, c.req.valid('json'), decider);
    return c.json(await decided(deps, id, answered), 200);
  });
};
