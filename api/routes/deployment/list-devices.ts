import { deploymentDeviceQuery, deploymentDeviceSchema } from '../../../contracts/deployment/deployment.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listDevices: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployments/{id}/devices',
      tags: ['deployments'],
      summary: 'Devices of a deployment, in the order of their ids; there are none before it begins',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: deploymentDeviceQuery },
      responses: {
        200: answer('One page', pageOf(deploymentDeviceSchema)),
        ...problems(['unauthenticated', 'forbidden', 'not-found', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const page = await deps.stores.deployments.devices(id, c.req.valid('query'));
    if (page === undefined) throw notFound('deployment', id);
    return c.json(page, 200);
  });
};
