import type { Context } from 'hono';
import type { RegisterRequest } from '../../contracts/agent/enrolment.ts';
import type { EnrolmentAnswer } from '../../db/stores/agent/enrolment.ts';
import type { AcceptedRequest, IssuedCertificate } from '../../runtime/certificates/authority.ts';
import type { ApiDependencies, ApiEnv } from '../context.ts';
import { takeAddressPoint } from '../middleware/rate-limit.ts';
import { auditSecurity } from '../middleware/security-events.ts';
import { ApiError } from '../problems.ts';

type Refusal = Exclude<EnrolmentAnswer, { kind: 'enrolled' | 'known' }>;

const REFUSALS: Readonly<Record<Refusal['kind'], string>> = {
  token_unknown: 'The registration key is unknown.',
  token_expired: 'The registration key has expired.',
  token_used_up: 'The registration key has been used as often as it may be.',
  token_revoked: 'The registration key was revoked.',
  agent_revoked: 'This machine was revoked.',
  too_many_clones: 'This certificate has enrolled as many machines as it may.',
};

/** Enrols a machine and issues its certificate. A request that cannot be signed uses up no key. */
export async function enrol(
  c: Context<ApiEnv>,
  deps: ApiDependencies,
  request: RegisterRequest,
  ownerId: string | undefined,
  address: string,
) {
  const accepted = await deps.authority.accept(request.csr, request.hostname);
  const { agents } = deps.stores;
  const { correlationId } = c.var;
  const answer = await answerTo(agents, request, ownerId, correlationId);
  if (answer.kind !== 'enrolled' && answer.kind !== 'known') return refuse(c, deps, answer, address);
  const certificate = await issueFor(deps, answer.agentId, accepted, correlationId);
  return { agentId: answer.agentId, isNew: answer.kind === 'enrolled', certificate };
}

/** A certificate that lets nobody in (any more) does not keep a machine with a good registration key out. */
async function answerTo(
  agents: ApiDependencies['stores']['agents'],
  request: RegisterRequest,
  ownerId: string | undefined,
  correlationId: string,
): Promise<EnrolmentAnswer> {
  if (ownerId === undefined) return agents.enrolByToken(request, correlationId);
  const byCertificate = await agents.enrolByCertificate(request, ownerId, correlationId);
  if (isEnrolled(byCertificate)) return byCertificate;
  const byToken = await agents.enrolByToken(request, correlationId);
  return isEnrolled(byToken) ? byToken : byCertificate;
}

const isEnrolled = (answer: EnrolmentAnswer): boolean =>
  answer.kind === 'enrolled' || answer.kind === 'known';

/** Issues and records a certificate. */
export async function issueFor(
  deps: ApiDependencies,
  agentId: string,
  accepted: AcceptedRequest,
  correlationId: string,
): Promise<IssuedCertificate> {
  const issued = await deps.authority.issueAccepted(accepted, agentId);
  await deps.stores.certificates.add(
    agentId,
    { ...issued, authority: deps.authority.fingerprint },
    correlationId,
  );
  return issued;
}

async function refuse(
  c: Context<ApiEnv>,
  deps: ApiDependencies,
  refusal: Refusal,
  address: string,
): Promise<never> {
  const limited = await takeAddressPoint(deps.limits.agentFailures, address);
  if (limited !== undefined && !limited.first) throw limited.error;
  const actor = { type: 'anonymous', id: address } as const;
  if (limited !== undefined) {
    await auditSecurity(c, deps, {
      action: 'security.rate_limited',
      actor,
      after: { limit: 'failed authentications' },
    });
    throw limited.error;
  }
  const action =
    refusal.kind === 'agent_revoked'
      ? 'security.agent_revoked'
      : refusal.kind === 'token_used_up'
        ? 'security.token_reused'
        : 'security.token_rejected';
  const { kind, ...about } = refusal;
  await auditSecurity(c, deps, { action, actor, after: { reason: kind, ...about } });
  throw new ApiError(
    refusal.kind === 'agent_revoked' ? 'agent-revoked' : 'enrolment-token-invalid',
    `${REFUSALS[refusal.kind]} Ask an operator for a new one.`,
  );
}
