import { pageOf } from '../../../contracts/http/common.ts';
import { evidenceListQuery, evidencePackSchema } from '../../../contracts/packaging-pipeline/evidence.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listEvidence: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/evidence-packs',
      tags: ['packages'],
      summary: 'Evidence packs, newest first',
      security: OPERATOR_SECURITY,
      request: { query: evidenceListQuery },
      responses: {
        200: answer('One page', pageOf(evidencePackSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    return c.json(await deps.stores.evidence.list(c.req.valid('query')), 200);
  });
};
