import { operatorTokenListQuery, operatorTokenSchema } from '../../../contracts/access/access.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listOperatorTokens: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/operator-tokens',
      tags: ['access'],
      summary: 'Operator tokens, newest first, without their secrets',
      security: OPERATOR_SECURITY,
      request: { query: operatorTokenListQuery },
      responses: {
        200: answer('One page', pageOf(operatorTokenSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('admin'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.operatorTokens.list(c.req.valid('query')), 200));
};
