import { offlineQueueItemSchema, offlineQueueQuery } from '../../../contracts/agent-task/task.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listOfflineQueue: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/offline-queue',
      tags: ['tasks'],
      summary: 'Tasks that wait, or waited, for agents that were away',
      security: OPERATOR_SECURITY,
      request: { query: offlineQueueQuery },
      responses: {
        200: answer('One page', pageOf(offlineQueueItemSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.tasks.offlineQueue(c.req.valid('query')), 200));
};
