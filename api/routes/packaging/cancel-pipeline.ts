import { pipelineDetailsSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const cancelPipeline: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/packaging-pipelines/{id}/cancel',
      tags: ['packages'],
      summary: 'Stop a pipeline that runs; it ends as FAILED as soon as its tool has stopped',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The pipeline, asked to stop now or before', pipelineDetailsSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found', 'pipeline-state-conflict']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const cancelled = await deps.stores.pipelines.cancel(id, actorOf(c.var.operator), c.var.correlationId);
    if (cancelled.kind === 'not_found') throw notFound('pipeline', id);
    if (cancelled.kind === 'ended')
      throw new ApiError('pipeline-state-conflict', `The pipeline has ended: it is ${cancelled.status}.`);
    return c.json(cancelled.pipeline, 200);
  });
};
