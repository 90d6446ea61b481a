import { heartbeatRequestSchema, heartbeatResponseSchema } from '../../../contracts/agent/heartbeat.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { foundOut } from '../../fast-path/found-out.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { AGENT_BODY_PROBLEMS, AGENT_SECURITY, type AgentRoute, idParams } from '../types.ts';

export const HEARTBEAT_PATH = '/api/v1/agents/{id}/heartbeat';

/**
 * The hot path: no Temporal, no query of its own, durable before it answers. Most heartbeats are answered by
 * `api/fast-path/heartbeat.ts` and only come here when there is something to refuse.
 */
export const heartbeat: AgentRoute = (app, deps, gate) => {
  const next_heartbeat_seconds = deps.config.EUCORA_HEARTBEAT_INTERVAL_SECONDS;
  const route = guarded(
    {
      method: 'post',
      path: HEARTBEAT_PATH,
      tags: ['agent: work'],
      summary: 'Say that the agent is there; take the tasks that wait, at most 10',
      security: AGENT_SECURITY,
      request: { params: idParams, body: json(heartbeatRequestSchema) },
      responses: {
        200: answer('Heard', heartbeatResponseSchema),
        ...problems([...AGENT_BODY_PROBLEMS, 'agent-cloned']),
      },
    },
    gate.identify,
    requireJson(BODY_BYTES.small),
  );
  app.openapi(route, async (c) => {
    const agentId = c.var.agentId;
    const heard = await (foundOut.get(c.env.incoming)?.heard ??
      deps.stores.presence.checkIns.checkIn({ agentId, heartbeat: c.req.valid('json') }));
    switch (heard.kind) {
      case 'accepted':
        return c.json({ status: heard.status, pending_tasks: heard.tasks, next_heartbeat_seconds }, 200);
      case 'cloned':
        throw new ApiError(
          'agent-cloned',
          'Another machine uses this identity. Enrol again with this certificate and a hardware_id of this machine to get an identity of its own.',
        );
      default:
        return gate.turnAway(c, heard.kind);
    }
  });
};
