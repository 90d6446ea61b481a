import { agentListQuery, agentSchema } from '../../../contracts/agent/agent.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listAgents: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/agents',
      tags: ['agents'],
      summary: 'Agents, newest first',
      security: OPERATOR_SECURITY,
      request: { query: agentListQuery },
      responses: {
        200: answer('One page', pageOf(agentSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.agents.list(c.req.valid('query')), 200));
};
