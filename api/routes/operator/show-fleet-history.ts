import { fleetHistoryQuery, fleetHistorySchema } from '../../../contracts/agent/agent.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showFleetHistory: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/fleet/history',
      tags: ['agents'],
      summary: 'Agents counted by status, platform and version, over time',
      security: OPERATOR_SECURITY,
      request: { query: fleetHistoryQuery },
      responses: {
        200: answer('The counts, oldest first', fleetHistorySchema),
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(await deps.stores.fleetHistory.list(c.req.valid('query').hours), 200),
  );
};
