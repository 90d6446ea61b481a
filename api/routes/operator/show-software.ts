import { installedSoftwareSchema } from '../../../contracts/telemetry/telemetry.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showSoftware: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}/software',
      tags: ['agents'],
      summary: 'The software list that an agent sent last',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The list', installedSoftwareSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const software = await deps.stores.telemetry.latestSoftware(id);
    if (software === undefined) throw notFound('software list of agent', id);
    return c.json(software, 200);
  });
};
