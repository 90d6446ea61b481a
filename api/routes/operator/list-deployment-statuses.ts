import { pageOf } from '../../../contracts/http/common.ts';
import { deploymentStatusQuery, deploymentStatusSchema } from '../../../contracts/telemetry/telemetry.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listDeploymentStatuses: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployment-statuses',
      tags: ['deployments'],
      summary: 'What agents reported of package deployments, newest first',
      security: OPERATOR_SECURITY,
      request: { query: deploymentStatusQuery },
      responses: {
        200: answer('One page', pageOf(deploymentStatusSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(await deps.stores.deploymentStatuses.list(c.req.valid('query')), 200),
  );
};
