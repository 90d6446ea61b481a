import type { Context } from 'hono';
import type { z } from 'zod';
import {
  completeRequestSchema,
  failRequestSchema,
  progressRequestSchema,
  startRequestSchema,
  type TaskState,
  taskStateSchema,
} from '../../../contracts/agent-task/task.ts';
import type { AgentWord } from '../../../db/stores/agent-task/words.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import type { ApiDependencies, ApiEnv } from '../../context.ts';
import { requireJsonIfAny } from '../../middleware/guards.ts';
import type { AgentGate } from '../../middleware/identify.ts';
import { answer, guarded, json, optionalJson, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { AGENT_SECURITY, type AgentRoute, idParams, notFound } from '../types.ts';

export const startTask: AgentRoute = (app, deps, gate) => {
  const route = wordRoute('start', 'The agent begins the task', optionalJson(startRequestSchema), gate);
  app.openapi(route, async (c) =>
    c.json(await say(c, deps, c.req.valid('param').id, { word: 'start' }), 200),
  );
};

export const progressTask: AgentRoute = (app, deps, gate) => {
  const route = wordRoute(
    'progress',
    'How far the agent has come',
    optionalJson(progressRequestSchema),
    gate,
  );
  app.openapi(route, async (c) => {
    const { percent = null, message = null } = c.req.valid('json');
    return c.json(await say(c, deps, c.req.valid('param').id, { word: 'progress', percent, message }), 200);
  });
};

export const completeTask: AgentRoute = (app, deps, gate) => {
  const route = wordRoute('complete', 'The task is done', optionalJson(completeRequestSchema), gate);
  app.openapi(route, async (c) => {
    const result = c.req.valid('json').result ?? {};
    return c.json(await say(c, deps, c.req.valid('param').id, { word: 'complete', result }), 200);
  });
};

export const failTask: AgentRoute = (app, deps, gate) => {
  const route = wordRoute('fail', 'The task could not be done', json(failRequestSchema), gate);
  app.openapi(route, async (c) => {
    const { error_message, result = null } = c.req.valid('json');
    return c.json(await say(c, deps, c.req.valid('param').id, { word: 'fail', error_message, result }), 200);
  });
};

type Body<Schema extends z.ZodType> = {
  required: boolean;
  content: { 'application/json': { schema: Schema } };
};

function wordRoute<Word extends AgentWord['word'], Schema extends z.ZodType>(
  word: Word,
  summary: string,
  body: Body<Schema>,
  gate: AgentGate,
) {
  return guarded(
    {
      method: 'post',
      path: `/api/v1/agents/tasks/{id}/${word}`,
      tags: ['agent: work'],
      summary,
      description:
        'Saying the same word again is harmless. A word that the state does not allow gets 409 with the present state.',
      security: AGENT_SECURITY,
      request: { params: idParams, body },
      responses: {
        200: answer('Taken, or known already', taskStateSchema),
        ...problems([
          'certificate-required',
          'certificate-invalid',
          'agent-revoked',
          'not-found',
          'task-state-conflict',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    } as const,
    gate.identify,
    gate.admit,
    requireJsonIfAny(BODY_BYTES[word === 'complete' || word === 'fail' ? 'result' : 'small']),
  );
}

async function say(
  c: Context<ApiEnv>,
  deps: ApiDependencies,
  taskId: string,
  word: AgentWord,
): Promise<TaskState> {
  const answered = await deps.stores.tasks.takeWord(taskId, c.var.agentId, word, c.var.correlationId);
  switch (answered.kind) {
    case 'taken':
    case 'repeated':
      return answered.task;
    case 'not_found':
      throw notFound('task of this agent', taskId);
    case 'refused':
      throw new ApiError(
        'task-state-conflict',
        `The task is ${answered.status}, which does not allow "${word.word}". Drop the word and stop the work.`,
        {
          task_status: answered.status,
        },
      );
  }
}
