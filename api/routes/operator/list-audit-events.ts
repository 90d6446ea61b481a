import { auditEventSchema, auditListQuery } from '../../../contracts/audit/audit.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listAuditEvents: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/audit-events',
      tags: ['audit'],
      summary: 'Who did what, newest first',
      security: OPERATOR_SECURITY,
      request: { query: auditListQuery },
      responses: {
        200: answer('One page', pageOf(auditEventSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.audit.list(c.req.valid('query')), 200));
};
