import { decisionRequestSchema, decisionSchema } from '../../../contracts/deployment/deployment.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { overlapConflict, stateConflict } from './refusals.ts';

export const decideDeployment: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/deployments/{id}/decisions',
      tags: ['deployments'],
      summary: 'Approve, with conditions or without, or reject; never who created the deployment',
      security: OPERATOR_SECURITY,
      request: { params: idParams, body: json(decisionRequestSchema) },
      responses: {
        200: answer('The same decision, taken before', decisionSchema),
        201: answer('The decision', decisionSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'four-eyes-required',
          'not-found',
          'deployment-state-conflict',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    authorize('approver'),
    requireJson(BODY_BYTES.small),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const answered = await deps.stores.deployments.decide(
      id,
      c.req.valid('json'),
      actorOf(c.var.operator),
      c.var.correlationId,
    );
    switch (answered.kind) {
      case 'decided':
        return c.json(answered.decision, 201);
      case 'repeated':
        return c.json(answered.decision, 200);
      case 'not_found':
        throw notFound('deployment', id);
      case 'own_deployment':
        throw new ApiError(
          'four-eyes-required',
          'You created this deployment. Someone else with the scope approver must decide on it.',
        );
      case 'overlap':
        throw overlapConflict(answered.other);
      case 'refused':
        throw stateConflict(answered.status, 'decided on');
      case 'no_ring':
        throw new ApiError('validation-failed', `The rings are ${answered.rings.join(', ')}.`, {
          errors: [{ path: 'conditions.pause_after_ring', message: 'names no ring of the deployment' }],
        });
    }
  });
};
