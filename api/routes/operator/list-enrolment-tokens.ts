import { enrolmentTokenListQuery, enrolmentTokenSchema } from '../../../contracts/agent/enrolment.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listEnrolmentTokens: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/enrolment-tokens',
      tags: ['access'],
      summary: 'Enrolment tokens, newest first, without their secrets',
      security: OPERATOR_SECURITY,
      request: { query: enrolmentTokenListQuery },
      responses: {
        200: answer('One page', pageOf(enrolmentTokenSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.enrolmentTokens.list(c.req.valid('query')), 200));
};
