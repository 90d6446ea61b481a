import { deploymentListQuery, deploymentSchema } from '../../../contracts/deployment/deployment.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listDeployments: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployments',
      tags: ['deployments'],
      summary: 'Deployments, newest first',
      security: OPERATOR_SECURITY,
      request: { query: deploymentListQuery },
      responses: {
        200: answer('One page', pageOf(deploymentSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.deployments.list(c.req.valid('query')), 200));
};
