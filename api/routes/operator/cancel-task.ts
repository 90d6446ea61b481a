import { taskSchema } from '../../../contracts/agent-task/task.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const cancelTask: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/tasks/{id}/cancel',
      tags: ['tasks'],
      summary: 'Cancel a task that has not ended; an agent at work is told at its next word',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The task, cancelled now or before', taskSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found', 'task-state-conflict']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const cancelled = await deps.stores.tasks.cancel(id, actorOf(c.var.operator), c.var.correlationId);
    if (cancelled.kind === 'not_found') throw notFound('task', id);
    if (cancelled.kind === 'refused') {
      throw new ApiError('task-state-conflict', `The task has ended: it is ${cancelled.status}.`, {
        task_status: cancelled.status,
      });
    }
    return c.json(cancelled.task, 200);
  });
};
