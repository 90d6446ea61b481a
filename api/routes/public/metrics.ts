import { z } from 'zod';
import { guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

/** For Prometheus, with a viewer's token. */
export const metrics: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/metrics',
      tags: ['health'],
      summary: 'Metrics in the format of Prometheus',
      security: OPERATOR_SECURITY,
      responses: {
        200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } },
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) =>
    c.text(await deps.metrics.metrics(), 200, { 'content-type': deps.metrics.contentType }),
  );
};
