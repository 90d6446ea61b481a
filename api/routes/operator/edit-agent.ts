import { agentPatchSchema, agentSchema } from '../../../contracts/agent/agent.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const editAgent: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'patch',
      path: '/api/v1/agents/{id}',
      tags: ['agents'],
      summary: 'Replace the tags of an agent',
      security: OPERATOR_SECURITY,
      request: { params: idParams, body: json(agentPatchSchema) },
      responses: {
        200: answer('The agent', agentSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'not-found',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const agent = await deps.stores.agents.setTags(
      id,
      c.req.valid('json').tags,
      actorOf(c.var.operator),
      c.var.correlationId,
    );
    if (agent === undefined) throw notFound('agent', id);
    return c.json(agent, 200);
  });
};
