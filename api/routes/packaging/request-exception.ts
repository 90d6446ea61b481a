import {
  policyExceptionRequestSchema,
  policyExceptionSchema,
} from '../../../contracts/packaging-pipeline/exception.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const requestException: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/policy-exceptions',
      tags: ['policy exceptions'],
      summary: 'Ask for findings of a package to be excused; a second person has to approve',
      security: OPERATOR_SECURITY,
      request: { body: json(policyExceptionRequestSchema) },
      responses: {
        201: answer('The request', policyExceptionSchema),
        ...problems(['unauthenticated', 'forbidden', 'payload-too-large', 'unsupported-media-type']),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const exception = await deps.stores.policyExceptions.request(
      c.req.valid('json'),
      actorOf(c.var.operator),
      c.var.correlationId,
    );
    return c.json(exception, 201);
  });
};
