import { z } from 'zod';
import { createdTasksSchema, createTasksSchema, MAX_BULK_TASKS } from '../../../contracts/agent-task/task.ts';
import { flagSchema } from '../../../contracts/http/common.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { refuseDirectDeploy } from './refuse-direct-deploy.ts';

const query = z.strictObject({
  dry_run: flagSchema.default(false).meta({ description: 'Only count the agents that fit' }),
});

export const createTasks: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/tasks/bulk',
      tags: ['tasks'],
      summary: 'Create one task for each agent of a selection',
      security: OPERATOR_SECURITY,
      request: { query, body: json(createTasksSchema) },
      responses: {
        200: answer('What would be created', createdTasksSchema),
        201: answer('How many were created, under one correlation id', createdTasksSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'deployment-required',
          'too-many-agents',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const { dry_run } = c.req.valid('query');
    const request = c.req.valid('json');
    refuseDirectDeploy(deps.config, request.task_type);
    const origin = { actor: actorOf(c.var.operator), correlationId: c.var.correlationId };
    const count = await deps.stores.tasks.createForSelection(request, origin, dry_run);
    if (count === 'too_many' && request.max_agents !== undefined) {
      throw new ApiError(
        'too-many-agents',
        `More than ${request.max_agents} agents fit, and no more may get the task (max_agents). Nothing was created.`,
      );
    }
    if (count === 'too_many') {
      throw new ApiError(
        'validation-failed',
        `More than ${MAX_BULK_TASKS} agents fit. Narrow the selection.`,
        {
          errors: [{ path: 'selection', message: `must fit at most ${MAX_BULK_TASKS} agents` }],
        },
      );
    }
    return c.json({ count, correlation_id: c.var.correlationId }, dry_run ? 200 : 201);
  });
};
