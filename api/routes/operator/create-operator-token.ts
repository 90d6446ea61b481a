import { createdOperatorTokenSchema, operatorTokenRequestSchema } from '../../../contracts/access/access.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const createOperatorToken: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/operator-tokens',
      tags: ['access'],
      summary: 'Make a token for an operator or a program',
      security: OPERATOR_SECURITY,
      request: { body: json(operatorTokenRequestSchema) },
      responses: {
        201: answer('Created; the token is shown this once', createdOperatorTokenSchema),
        ...problems(['unauthenticated', 'forbidden', 'payload-too-large', 'unsupported-media-type']),
      },
    },
    authorize('admin'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) =>
    c.json(
      await deps.stores.operatorTokens.create(
        c.req.valid('json'),
        actorOf(c.var.operator),
        c.var.correlationId,
      ),
      201,
    ),
  );
};
