import {
  createdEnrolmentTokenSchema,
  enrolmentTokenRequestSchema,
} from '../../../contracts/agent/enrolment.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const createEnrolmentToken: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/enrolment-tokens',
      tags: ['access'],
      summary: 'Make a registration key for one or more machines',
      security: OPERATOR_SECURITY,
      request: { body: json(enrolmentTokenRequestSchema) },
      responses: {
        201: answer('Created; the token is shown this once', createdEnrolmentTokenSchema),
        ...problems(['unauthenticated', 'forbidden', 'payload-too-large', 'unsupported-media-type']),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) =>
    c.json(
      await deps.stores.enrolmentTokens.create(
        c.req.valid('json'),
        actorOf(c.var.operator),
        c.var.correlationId,
      ),
      201,
    ),
  );
};
