import { evidencePackSchema } from '../../../contracts/packaging-pipeline/evidence.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showEvidence: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/evidence-packs/{id}',
      tags: ['packages'],
      summary: 'What is known of an evidence pack',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The pack', evidencePackSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pack = await deps.stores.evidence.find(id);
    if (pack === undefined) throw notFound('evidence pack', id);
    return c.json(pack, 200);
  });
};
