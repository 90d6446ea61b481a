import { pageOf } from '../../../contracts/http/common.ts';
import { findingListQuery, judgedFindingSchema } from '../../../contracts/packaging-pipeline/findings.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listPipelineFindings: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}/findings',
      tags: ['packages'],
      summary: 'What the scanner found, the worst first, and what excuses it',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: findingListQuery },
      responses: {
        200: answer('One page', pageOf(judgedFindingSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.json(await deps.stores.findings.list(c.req.valid('param').id, c.req.valid('query')), 200),
  );
};
