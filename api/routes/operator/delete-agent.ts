import { guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const deleteAgent: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'delete',
      path: '/api/v1/agents/{id}',
      tags: ['agents'],
      summary: 'Delete an agent with all that belongs to it; its open tasks end, the audit stays',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        204: { description: 'Deleted' },
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('admin'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deps.stores.agents.delete(id, actorOf(c.var.operator), c.var.correlationId)))
      throw notFound('agent', id);
    return c.body(null, 204);
  });
};
