import { policyExceptionSchema } from '../../../contracts/packaging-pipeline/exception.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showException: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/policy-exceptions/{id}',
      tags: ['policy exceptions'],
      summary: 'One exception',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The exception', policyExceptionSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const exception = await deps.stores.policyExceptions.find(id);
    if (exception === undefined) throw notFound('exception', id);
    return c.json(exception, 200);
  });
};
