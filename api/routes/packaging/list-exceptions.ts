import { pageOf } from '../../../contracts/http/common.ts';
import {
  policyExceptionListQuery,
  policyExceptionSchema,
} from '../../../contracts/packaging-pipeline/exception.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listExceptions: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/policy-exceptions',
      tags: ['policy exceptions'],
      summary: 'Exceptions from policies, newest first',
      security: OPERATOR_SECURITY,
      request: { query: policyExceptionListQuery },
      responses: {
        200: answer('One page', pageOf(policyExceptionSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    return c.json(await deps.stores.policyExceptions.list(c.req.valid('query')), 200);
  });
};
