import { registerRequestSchema, registerResponseSchema } from '../../../contracts/agent/enrolment.ts';
import { agentConfiguration } from '../../agent-configuration.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { enrol } from '../../identity/enrol.ts';
import { requireJson } from '../../middleware/guards.ts';
import { takeAddressPoint } from '../../middleware/rate-limit.ts';
import { auditSecurity } from '../../middleware/security-events.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import type { AgentRoute } from '../types.ts';

/** Enrols a machine, by registration key or, for a cloned one, by the certificate that it shares. */
export const register: AgentRoute = (app, deps, gate) => {
  const configuration = agentConfiguration(deps.config);
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/agents/register',
      tags: ['agent: identity'],
      summary: 'Enrol with a registration key and a certificate signing request',
      description:
        'The same key and hardware is the same agent. A machine that holds a valid certificate may enrol with it instead: hardware that differs from the owner’s gets an identity of its own, without the owner’s tags and for at most 5 machines. Where the certificate does not let it in, because its agent was revoked or deleted, the registration key decides.',
      request: { body: json(registerRequestSchema) },
      responses: {
        200: answer('The machine was known; it has a new certificate', registerResponseSchema),
        201: answer('The machine is enrolled', registerResponseSchema),
        ...problems([
          'enrolment-token-invalid',
          'certificate-invalid',
          'agent-revoked',
          'payload-too-large',
          'unsupported-media-type',
        ]),
      },
    },
    async (c, next) => {
      const address = gate.addressOf(c);
      const limited = await takeAddressPoint(deps.limits.enrolments, address);
      if (limited === undefined) return next();
      if (limited.first) {
        await auditSecurity(c, deps, {
          action: 'security.rate_limited',
          actor: { type: 'anonymous', id: address },
          after: { limit: 'enrolments' },
        });
      }
      throw limited.error;
    },
    requireJson(BODY_BYTES.small),
  );
  app.openapi(route, async (c) => {
    const request = c.req.valid('json');
    const peer = await gate.peerOf(c);
    // A certificate that is no good does not keep a machine with a good key from enrolling.
    const owner = peer.kind === 'agent' ? peer.agentId : undefined;
    const enrolled = await enrol(c, deps, request, owner, gate.addressOf(c));
    return c.json(
      {
        agent_id: enrolled.agentId,
        certificate: enrolled.certificate.pem,
        ca_chain: deps.authority.certificatePem,
        not_after: enrolled.certificate.notAfter.toISOString(),
        configuration,
      },
      enrolled.isNew ? 201 : 200,
    );
  });
};
