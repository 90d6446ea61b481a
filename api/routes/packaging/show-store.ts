import { storeUsageSchema } from '../../../contracts/artifact/store.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showStore: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/store',
      tags: ['artifacts'],
      summary: 'How full the store is, and how much of it nothing needs',
      security: OPERATOR_SECURITY,

      responses: {
        200: answer('The store', storeUsageSchema),
        ...problems(['unauthenticated', 'forbidden']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    return c.json(await deps.stores.storedObjects.usage(), 200);
  });
};
