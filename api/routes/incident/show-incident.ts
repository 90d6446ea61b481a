import { incidentDetailSchema } from '../../../contracts/incident/incident.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { shown } from './answers.ts';

export const showIncident: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/incidents/{id}',
      tags: ['incidents'],
      summary: 'One incident with its suggestions',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The incident', incidentDetailSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await shown(deps, c.req.valid('param').id), 200));
};
