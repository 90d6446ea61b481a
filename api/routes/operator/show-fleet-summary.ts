import { fleetSummarySchema } from '../../../contracts/agent/agent.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showFleetSummary: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/fleet/summary',
      tags: ['agents'],
      summary: 'Agents counted by status, platform and version',
      security: OPERATOR_SECURITY,
      responses: {
        200: answer('The counts', fleetSummarySchema),
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.agents.summary(), 200));
};
