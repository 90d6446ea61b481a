import { deploymentRingsSchema } from '../../../contracts/deployment/deployment.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listRings: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployments/{id}/rings',
      tags: ['deployments'],
      summary: 'The rings of a deployment in their order: state, gates, times and counts of devices',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('All rings', deploymentRingsSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const items = await deps.stores.deployments.rings(id);
    if (items === undefined) throw notFound('deployment', id);
    return c.json({ items }, 200);
  });
};
