import { z } from 'zod';
import { agentTasksQuery, handedOverTaskSchema } from '../../../contracts/agent-task/task.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { AGENT_SECURITY, type AgentRoute, idParams } from '../types.ts';

export const listOwnTasks: AgentRoute = (app, deps, gate) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}/tasks',
      tags: ['agent: work'],
      summary: 'The agent’s own tasks, newest first, at most 100; hands nothing over',
      security: AGENT_SECURITY,
      request: { params: idParams, query: agentTasksQuery },
      responses: {
        200: answer('Tasks', z.object({ tasks: z.array(handedOverTaskSchema) })),
        ...problems(['certificate-required', 'certificate-invalid', 'agent-revoked', 'wrong-agent']),
      },
    },
    gate.identify,
    gate.admit,
  );
  app.openapi(route, async (c) =>
    c.json({ tasks: await deps.stores.tasks.listForAgent(c.var.agentId, c.req.valid('query')) }, 200),
  );
};
