import { createDeploymentSchema, deploymentSchema } from '../../../contracts/deployment/deployment.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { idempotencyHeaders } from '../idempotency.ts';
import { actorOf, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { refuseDeployment } from './refusals.ts';

export const createDeployment: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/deployments',
      tags: ['deployments'],
      summary: 'Deploy a package that passed, in rings; waits for an approval when its risk asks for one',
      security: OPERATOR_SECURITY,
      request: { headers: idempotencyHeaders, body: json(createDeploymentSchema) },
      responses: {
        200: answer('The deployment that the idempotency key made before', deploymentSchema),
        201: answer('The new deployment', deploymentSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'not-found',
          'pipeline-state-conflict',
          'deployment-state-conflict',
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
    const request = c.req.valid('json');
    const creation = await deps.stores.deployments.create(request, {
      actor: actorOf(c.var.operator),
      correlationId: c.var.correlationId,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
    });
    if (!('deployment' in creation)) throw refuseDeployment(creation, request);
    const deployment = await deps.stores.deployments.find(creation.deployment.id);
    if (deployment === undefined) throw notFound('deployment', creation.deployment.id);
    return c.json(deployment, creation.kind === 'created' ? 201 : 200);
  });
};
