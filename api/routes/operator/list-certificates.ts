import { agentCertificateListQuery, agentCertificateSchema } from '../../../contracts/agent/certificate.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listCertificates: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}/certificates',
      tags: ['agents'],
      summary: 'Certificates of an agent, newest first',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: agentCertificateListQuery },
      responses: {
        200: answer('One page', pageOf(agentCertificateSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(await deps.stores.certificates.list(c.req.valid('param').id, c.req.valid('query')), 200),
  );
};
