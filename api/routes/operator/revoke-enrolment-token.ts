import { guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const revokeEnrolmentToken: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'delete',
      path: '/api/v1/enrolment-tokens/{id}',
      tags: ['access'],
      summary: 'Revoke an enrolment token; agents that used it stay',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        204: { description: 'Revoked, now or before' },
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deps.stores.enrolmentTokens.revoke(id, actorOf(c.var.operator), c.var.correlationId)))
      throw notFound('enrolment token', id);
    return c.body(null, 204);
  });
};
