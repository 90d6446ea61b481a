import type { Context, MiddlewareHandler } from 'hono';
import type { ApiDependencies, ApiEnv } from '../context.ts';
import { foundOut } from '../fast-path/found-out.ts';
import type { Peer } from '../identity/peer.ts';
import { ApiError } from '../problems.ts';
import { clientAddress, parseBlocks } from './address.ts';
import { takeAddressPoint, takePoint } from './rate-limit.ts';
import { auditSecurity } from './security-events.ts';

export interface AgentGate {
  /** The certificate's holder, checked against the `id` of the path where it has one. Asks the database at most once a certificate. */
  readonly identify: MiddlewareHandler<ApiEnv>;
  /** Turns away agents that were revoked or deleted. Check-ins find that out by themselves. */
  readonly admit: MiddlewareHandler<ApiEnv>;
  /** Refuses and audits an agent that may not speak any more. */
  turnAway(c: Context<ApiEnv>, admission: 'revoked' | 'unknown'): Promise<never>;
  /** The holder of a certificate where having one is optional. */
  peerOf(c: Context<ApiEnv>): Peer | Promise<Peer>;
  addressOf(c: Context<ApiEnv>): string;
}

/** Lets agents in by their client certificates: of the connection, or of the header of a trusted proxy. */
export function createAgentGate(deps: ApiDependencies): AgentGate {
  const proxies = parseBlocks(deps.config.EUCORA_TRUSTED_PROXIES);
  const peerOf: AgentGate['peerOf'] = (c) => deps.peers.ofRequest(c.env.incoming);

  async function reject(
    c: Context<ApiEnv>,
    error: ApiError,
    action: 'security.certificate_rejected' | 'security.agent_revoked',
    reason: string,
  ): Promise<never> {
    const address = clientAddress(c, proxies);
    const actor =
      c.var.agentId === undefined
        ? ({ type: 'anonymous', id: address } as const)
        : ({ type: 'agent', id: c.var.agentId } as const);
    const limited = await takeAddressPoint(deps.limits.agentFailures, address);
    if (limited === undefined) {
      await auditSecurity(c, deps, { action, actor, after: { reason } });
      throw error;
    }
    if (limited.first)
      await auditSecurity(c, deps, {
        action: 'security.rate_limited',
        actor,
        after: { limit: 'failed authentications' },
      });
    throw limited.error;
  }

  const turnAway: AgentGate['turnAway'] = (c, admission) =>
    reject(c, notAdmitted(admission), 'security.agent_revoked', admission);

  return {
    peerOf,
    turnAway,
    addressOf: (c) => clientAddress(c, proxies),
    identify: async (c, next) => {
      const peer = await peerOf(c);
      if (peer.kind === 'none')
        throw new ApiError('certificate-required', 'Enrol first, then present the client certificate.');
      if (peer.kind === 'rejected') {
        return reject(
          c,
          new ApiError(
            'certificate-invalid',
            `Not accepted: ${peer.reason}. Enrol again if this machine has no other.`,
          ),
          'security.certificate_rejected',
          peer.reason,
        );
      }
      c.set('agentId', peer.agentId);
      const found = foundOut.get(c.env.incoming);
      const limited =
        found === undefined ? await takePoint(deps.limits.agentRequests, peer.agentId) : found.limited;
      if (limited !== undefined) {
        if (limited.first) {
          await auditSecurity(c, deps, {
            action: 'security.rate_limited',
            actor: { type: 'agent', id: peer.agentId },
            after: { limit: 'requests of an agent' },
          });
        }
        throw limited.error;
      }
      const named = AGENT_PATH.exec(c.req.path)?.[1];
      if (named !== undefined && named.toLowerCase() !== peer.agentId) {
        await auditSecurity(c, deps, {
          action: 'security.wrong_agent',
          actor: { type: 'agent', id: peer.agentId },
          after: { named },
        });
        throw new ApiError('wrong-agent', 'The path names another agent than the certificate.');
      }
      await next();
      return undefined;
    },
    admit: async (c, next) => {
      const admission = await deps.stores.agents.admission(c.var.agentId);
      if (admission !== 'admitted') return turnAway(c, admission);
      await next();
      return undefined;
    },
  };
}

const AGENT_PATH = /^\/api\/v1\/agents\/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:\/|$)/;

/** The refusal of an agent that holds a good certificate but may not speak any more. */
function notAdmitted(admission: 'revoked' | 'unknown'): ApiError {
  return admission === 'revoked'
    ? new ApiError(
        'agent-revoked',
        'This agent was revoked. Ask an operator; a new enrolment needs a new registration key.',
      )
    : new ApiError(
        'certificate-invalid',
        'The agent of this certificate was deleted. Enrol again with a registration key.',
      );
}
