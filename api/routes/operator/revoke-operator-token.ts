import { guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const revokeOperatorToken: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'delete',
      path: '/api/v1/operator-tokens/{id}',
      tags: ['access'],
      summary: 'Revoke an operator token',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        204: { description: 'Revoked, now or before' },
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('admin'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deps.stores.operatorTokens.revoke(id, actorOf(c.var.operator), c.var.correlationId)))
      throw notFound('operator token', id);
    return c.body(null, 204);
  });
};
