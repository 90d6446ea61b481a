import { pageOf } from '../../../contracts/http/common.ts';
import { incidentListQuery, incidentSchema } from '../../../contracts/incident/incident.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listIncidents: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/incidents',
      tags: ['incidents'],
      summary: 'Incidents: failures that are alike, newest first',
      security: OPERATOR_SECURITY,
      request: { query: incidentListQuery },
      responses: {
        200: answer('One page', pageOf(incidentSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.incidents.list(c.req.valid('query')), 200));
};
