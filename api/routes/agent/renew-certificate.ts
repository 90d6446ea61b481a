import { issuedCertificateSchema, renewRequestSchema } from '../../../contracts/agent/enrolment.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { issueFor } from '../../identity/enrol.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { AGENT_BODY_PROBLEMS, AGENT_SECURITY, type AgentRoute, idParams, notFound } from '../types.ts';

/** The old certificate stays valid until it expires, so that an agent that loses the answer is not locked out. */
export const renewCertificate: AgentRoute = (app, deps, gate) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/agents/{id}/certificate/renew',
      tags: ['agent: identity'],
      summary: 'Get a new certificate under the old one',
      security: AGENT_SECURITY,
      request: { params: idParams, body: json(renewRequestSchema) },
      responses: {
        201: answer('Issued', issuedCertificateSchema),
        ...problems(AGENT_BODY_PROBLEMS),
      },
    },
    gate.identify,
    gate.admit,
    requireJson(BODY_BYTES.small),
  );
  app.openapi(route, async (c) => {
    const agent = await deps.stores.agents.find(c.var.agentId);
    if (agent === undefined) throw notFound('agent', c.var.agentId);
    const accepted = await deps.authority.accept(c.req.valid('json').csr, agent.hostname);
    const issued = await issueFor(deps, agent.id, accepted, c.var.correlationId);
    return c.json(
      {
        certificate: issued.pem,
        ca_chain: deps.authority.certificatePem,
        not_after: issued.notAfter.toISOString(),
      },
      201,
    );
  });
};
