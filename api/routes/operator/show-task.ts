import { taskSchema } from '../../../contracts/agent-task/task.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showTask: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/tasks/{id}',
      tags: ['tasks'],
      summary: 'One task',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The task', taskSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const task = await deps.stores.tasks.find(id);
    if (task === undefined) throw notFound('task', id);
    return c.json(task, 200);
  });
};
