import { agentSchema } from '../../../contracts/agent/agent.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showAgent: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents/{id}',
      tags: ['agents'],
      summary: 'One agent',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The agent', agentSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const agent = await deps.stores.agents.find(id);
    if (agent === undefined) throw notFound('agent', id);
    return c.json(agent, 200);
  });
};
