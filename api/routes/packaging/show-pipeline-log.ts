import { pipelineLogQuery, pipelineLogSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showPipelineLog: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}/log',
      tags: ['packages'],
      summary: 'What the tools say, also while they run; follow it by next_offset',
      security: OPERATOR_SECURITY,
      request: { params: idParams, query: pipelineLogQuery },
      responses: {
        200: answer('The log from the offset on', pipelineLogSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { offset, limit, tail } = c.req.valid('query');
    const log = await deps.stores.pipelines.logs.read(id, offset, limit, tail);
    if (log === undefined) throw notFound('pipeline', id);
    return c.json(log, 200);
  });
};
