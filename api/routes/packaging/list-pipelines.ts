import { pageOf } from '../../../contracts/http/common.ts';
import { pipelineListQuery, pipelineSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listPipelines: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines',
      tags: ['packages'],
      summary: 'Packaging pipelines, newest first',
      security: OPERATOR_SECURITY,
      request: { query: pipelineListQuery },
      responses: {
        200: answer('One page', pageOf(pipelineSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    return c.json(await deps.stores.pipelines.list(c.req.valid('query')), 200);
  });
};
