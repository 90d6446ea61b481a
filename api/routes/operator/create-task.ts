import { createTaskSchema, taskSchema } from '../../../contracts/agent-task/task.ts';
import { toTask } from '../../../db/stores/agent-task/records.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { idempotencyHeaders } from '../idempotency.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { refuseCreation } from './refuse-creation.ts';
import { refuseDirectDeploy } from './refuse-direct-deploy.ts';

export const createTask: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/tasks',
      tags: ['tasks'],
      summary: 'Create a task for one agent',
      security: OPERATOR_SECURITY,
      request: { headers: idempotencyHeaders, body: json(createTaskSchema) },
      responses: {
        200: answer('The task that the idempotency key made before', taskSchema),
        201: answer('The new task', taskSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'deployment-required',
          'not-found',
          'agent-state-conflict',
          'idempotency-conflict',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const request = c.req.valid('json');
    refuseDirectDeploy(deps.config, request.task_type);
    const creation = await deps.stores.tasks.create(request, {
      actor: actorOf(c.var.operator),
      correlationId: c.var.correlationId,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
    });
    if (creation.kind === 'created') return c.json(toTask(creation.task), 201);
    if (creation.kind === 'existing') return c.json(toTask(creation.task), 200);
    throw refuseCreation(creation.kind, request.agent_id);
  });
};
