import { pageOf } from '../../../contracts/http/common.ts';
import { telemetryListQuery, telemetryRecordSchema } from '../../../contracts/telemetry/telemetry.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listTelemetry: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}/telemetry',
      tags: ['agents'],
      summary: 'Telemetry of an agent, newest first',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: telemetryListQuery },
      responses: {
        200: answer('One page', pageOf(telemetryRecordSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(await deps.stores.telemetry.list(c.req.valid('param').id, c.req.valid('query')), 200),
  );
};
