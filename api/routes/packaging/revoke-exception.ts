import { policyExceptionSchema } from '../../../contracts/packaging-pipeline/exception.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { movedException } from './moved-exception.ts';

export const revokeException: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/policy-exceptions/{id}/revoke',
      tags: ['policy exceptions'],
      summary: 'End an exception at once; packages that have passed stay as they are',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The exception', policyExceptionSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('approver'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const moved = await deps.stores.policyExceptions.revoke(id, actorOf(c.var.operator), c.var.correlationId);
    return c.json(movedException(moved, id), 200);
  });
};
