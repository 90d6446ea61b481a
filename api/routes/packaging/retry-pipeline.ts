import { pipelineDetailsSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { createdPipeline } from './created-pipeline.ts';

export const retryPipeline: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/packaging-pipelines/{id}/retry',
      tags: ['packages'],
      summary: 'Package the same once more: a new pipeline with the content of one that has ended',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        201: answer('The new pipeline', pipelineDetailsSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found', 'pipeline-state-conflict']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const retried = await deps.stores.pipelines.retry(id, {
      actor: actorOf(c.var.operator),
      correlationId: c.var.correlationId,
    });
    if (retried.kind === 'not_found') throw notFound('pipeline', id);
    if (retried.kind === 'not_ended')
      throw new ApiError(
        'pipeline-state-conflict',
        `Only a pipeline that has ended can be packaged once more; this one is ${retried.status}.`,
      );
    return c.json(await createdPipeline(deps, retried), 201);
  });
};
