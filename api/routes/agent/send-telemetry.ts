import { telemetryReceiptSchema, telemetryRequestSchema } from '../../../contracts/telemetry/telemetry.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { AGENT_BODY_PROBLEMS, AGENT_SECURITY, type AgentRoute, idParams } from '../types.ts';

export const sendTelemetry: AgentRoute = (app, deps, gate) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/agents/{id}/telemetry',
      tags: ['agent: work'],
      summary: 'Send one sample, or those kept while the platform was away',
      security: AGENT_SECURITY,
      request: { params: idParams, body: json(telemetryRequestSchema) },
      responses: {
        200: answer('Kept; rejected samples are not to be sent again', telemetryReceiptSchema),
        ...problems(AGENT_BODY_PROBLEMS),
      },
    },
    // Whether it may speak is found out by the statement that keeps its samples.
    gate.identify,
    requireJson(BODY_BYTES.telemetry),
  );
  app.openapi(route, async (c) => {
    const body = c.req.valid('json');
    const samples = 'samples' in body ? body.samples : [body];
    const answered = await deps.stores.telemetry.add(c.var.agentId, samples);
    if (answered.kind !== 'taken') return gate.turnAway(c, answered.kind);
    const { isNew, refusals } = answered;
    const rejected = refusals.flatMap((reason, index) => (reason === null ? [] : [{ index, reason }]));
    const accepted = isNew.filter(Boolean).length;
    const duplicates = samples.length - rejected.length - accepted;
    return c.json({ accepted, duplicates, rejected }, 200);
  });
};
