import { identitySchema } from '../../../contracts/access/access.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showIdentity: OperatorRoute = (app, _deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/whoami',
      tags: ['access'],
      summary: 'Whose credentials these are and what they allow',
      security: OPERATOR_SECURITY,
      responses: { 200: answer('The caller', identitySchema), ...problems(['unauthenticated', 'forbidden']) },
    },
    authorize('viewer'),
  );
  app.openapi(route, (c) => c.json({ ...c.var.operator, scopes: [...c.var.operator.scopes] }, 200));
};
