import { pipelineDetailsSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showPipeline: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}',
      tags: ['packages'],
      summary: 'One pipeline with its steps',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The pipeline', pipelineDetailsSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pipeline = await deps.stores.pipelines.find(id);
    if (pipeline === undefined) throw notFound('pipeline', id);
    return c.json(pipeline, 200);
  });
};
