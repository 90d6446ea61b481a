import { taskSchema } from '../../../contracts/agent-task/task.ts';
import { toTask } from '../../../db/stores/agent-task/records.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { refuseCreation } from './refuse-creation.ts';
import { refuseDirectDeploy } from './refuse-direct-deploy.ts';

export const retryTask: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/tasks/{id}/retry',
      tags: ['tasks'],
      summary: 'Create a new task with the content of one that has ended',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        201: answer('The new task', taskSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'deployment-required',
          'not-found',
          'task-state-conflict',
          'agent-state-conflict',
        ]),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    refuseDirectDeploy(deps.config, (await deps.stores.tasks.find(id))?.task_type);
    const retried = await deps.stores.tasks.retry(id, {
      actor: actorOf(c.var.operator),
      correlationId: c.var.correlationId,
    });
    switch (retried.kind) {
      case 'created':
      case 'existing':
        return c.json(toTask(retried.task), 201);
      case 'not_found':
        throw notFound('task', id);
      case 'not_final':
        throw new ApiError(
          'task-state-conflict',
          `The task is still ${retried.status}. Cancel it first, or wait.`,
          { task_status: retried.status },
        );
      default:
        throw refuseCreation(retried.kind, id);
    }
  });
};
