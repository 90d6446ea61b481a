import { decisionsSchema } from '../../../contracts/deployment/deployment.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listDecisions: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/deployments/{id}/decisions',
      tags: ['deployments'],
      summary: 'What the CAB decided; the first decision counts, so that there is at most one',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('All decisions', decisionsSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const items = await deps.stores.deployments.decisions(id);
    if (items === undefined) throw notFound('deployment', id);
    return c.json({ items }, 200);
  });
};
