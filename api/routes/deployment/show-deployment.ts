import { deploymentSchema } from '../../../contracts/deployment/deployment.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showDeployment: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployments/{id}',
      tags: ['deployments'],
      summary: 'One deployment, with its risk, factor by factor',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The deployment', deploymentSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const deployment = await deps.stores.deployments.find(id);
    if (deployment === undefined) throw notFound('deployment', id);
    return c.json(deployment, 200);
  });
};
