import { telemetryHistoryQuery, telemetryHistorySchema } from '../../../contracts/telemetry/telemetry.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showTelemetryHistory: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}/telemetry/history',
      tags: ['agents'],
      summary: 'Load of one machine over time, for plots: means and peaks of equal spans',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: telemetryHistoryQuery },
      responses: {
        200: answer('The spans, oldest first', telemetryHistorySchema),
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(
      { items: await deps.stores.telemetry.history(c.req.valid('param').id, c.req.valid('query').hours) },
      200,
    ),
  );
};
