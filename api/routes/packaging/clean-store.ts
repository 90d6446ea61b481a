import { storeCleaningQuery, storeCleaningSchema } from '../../../contracts/artifact/store.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const cleanStore: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/store/clean',
      tags: ['artifacts'],
      summary: 'Remove content that nothing needs any more; with dry_run only tell what would go',
      security: OPERATOR_SECURITY,
      request: { query: storeCleaningQuery },
      responses: {
        200: answer('What went, or would go', storeCleaningSchema),
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('admin'),
  );
  app.openapi(route, async (c) => {
    const { dry_run } = c.req.valid('query');
    const cleaning = await deps.stores.storedObjects.clean(
      (sha256) => deps.content.remove(sha256),
      actorOf(c.var.operator),
      dry_run,
      c.var.correlationId,
    );
    return c.json(cleaning, 200);
  });
};
