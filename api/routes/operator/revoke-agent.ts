import { agentSchema } from '../../../contracts/agent/agent.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const revokeAgent: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/agents/{id}/revoke',
      tags: ['agents'],
      summary: 'Shut an agent out from its next request on; its open tasks end',
      description:
        'Agents that enrolled with its certificate (cloned_from), and those that enrolled with theirs, are revoked, too.',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The agent, revoked now or before', agentSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const agent = await deps.stores.agents.revoke(id, actorOf(c.var.operator), c.var.correlationId);
    if (agent === undefined) throw notFound('agent', id);
    return c.json(agent, 200);
  });
};
