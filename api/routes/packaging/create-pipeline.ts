import {
  createPipelineSchema,
  pipelineDetailsSchema,
} from '../../../contracts/packaging-pipeline/pipeline.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { idempotencyHeaders } from '../idempotency.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { createdPipeline } from './created-pipeline.ts';

export const createPipeline: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/packaging-pipelines',
      tags: ['packages'],
      summary: 'Package a source: build, sign, scan, decide, store, attest',
      security: OPERATOR_SECURITY,
      request: { headers: idempotencyHeaders, body: json(createPipelineSchema) },
      responses: {
        200: answer('The pipeline that the idempotency key made before', pipelineDetailsSchema),
        201: answer('The new pipeline', pipelineDetailsSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'idempotency-conflict',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const creation = await deps.stores.pipelines.create(c.req.valid('json'), {
      actor: actorOf(c.var.operator),
      correlationId: c.var.correlationId,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
    });
    const pipeline = await createdPipeline(deps, creation);
    return c.json(pipeline, creation.kind === 'created' ? 201 : 200);
  });
};
