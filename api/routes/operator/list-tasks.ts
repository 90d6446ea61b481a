import { taskListQuery, taskSchema } from '../../../contracts/agent-task/task.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listTasks: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/tasks',
      tags: ['tasks'],
      summary: 'Tasks, newest first',
      security: OPERATOR_SECURITY,
      request: { query: taskListQuery },
      responses: {
        200: answer('One page', pageOf(taskSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.tasks.list(c.req.valid('query')), 200));
};
