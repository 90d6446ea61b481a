import { alertListQuery, alertSchema } from '../../../contracts/agent-presence/alert.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listAlerts: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/alerts',
      tags: ['alerts'],
      summary: 'Critical agents that went offline, newest first',
      security: OPERATOR_SECURITY,
      request: { query: alertListQuery },
      responses: {
        200: answer('One page', pageOf(alertSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.alerts.list(c.req.valid('query')), 200));
};
