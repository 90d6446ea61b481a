import { deploymentReportSchema, deploymentStatusSchema } from '../../../contracts/telemetry/telemetry.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { AGENT_BODY_PROBLEMS, AGENT_SECURITY, type AgentRoute, idParams, notFound } from '../types.ts';

export const reportDeployment: AgentRoute = (app, deps, gate) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/agents/{id}/deployment-status',
      tags: ['agent: work'],
      summary: 'Report how a package deployment goes',
      security: AGENT_SECURITY,
      request: { params: idParams, body: json(deploymentReportSchema) },
      responses: {
        201: answer('Kept', deploymentStatusSchema),
        ...problems([...AGENT_BODY_PROBLEMS, 'not-found']),
      },
    },
    gate.identify,
    gate.admit,
    requireJson(BODY_BYTES.small),
  );
  app.openapi(route, async (c) => {
    const report = c.req.valid('json');
    const kept = await deps.stores.deploymentStatuses.add(c.var.agentId, report);
    if (kept === undefined) throw notFound('task of this agent', String(report.task_id));
    return c.json(kept, 201);
  });
};
