import { z } from 'zod';
import { AGENT_STATUSES } from '../agent/agent.ts';
import { correlationIdSchema, idSchema, instantSchema, pageQuery, text } from '../http/common.ts';

export const ACTOR_TYPES = ['operator', 'agent', 'workflow', 'system', 'anonymous'] as const;
export type ActorType = (typeof ACTOR_TYPES)[number];

/** A change of state; a word that the state did not allow; something that concerns security. */
export const AUDIT_KINDS = ['change', 'refusal', 'security'] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** Actions of kind `security`. */
export const SECURITY_ACTIONS = [
  'security.certificate_rejected',
  'security.wrong_agent',
  'security.token_rejected',
  'security.token_reused',
  'security.agent_revoked',
  'security.agent_cloned',
  'security.rate_limited',
  'security.access_denied',
  'security.four_eyes',
] as const;
export type SecurityAction = (typeof SECURITY_ACTIONS)[number];

/** Who did something: `id` is a token's name, an agent id or a workflow id, never a secret. */
export interface Actor {
  readonly type: ActorType;
  readonly id: string;
}

export const auditEventSchema = z
  .object({
    id: idSchema,
    at: instantSchema,
    actor_type: z.enum(ACTOR_TYPES),
    actor_id: z.string(),
    action: z.string().meta({ example: 'agent_task.start' }),
    kind: z.enum(AUDIT_KINDS),
    object_type: z.string(),
    object_id: z.string(),
    before: z.record(z.string(), z.unknown()).nullable(),
    after: z.record(z.string(), z.unknown()).nullable(),
    correlation_id: z.string().nullable(),
  })
  .meta({ id: 'AuditEvent' });
export type AuditEvent = z.infer<typeof auditEventSchema>;

export const auditListQuery = pageQuery.extend({
  object_type: text(64).optional(),
  object_id: text(128).optional(),
  actor_id: text(255).optional(),
  action: text(64).optional(),
  kind: z.enum(AUDIT_KINDS).optional(),
  correlation_id: correlationIdSchema.optional(),
  agent_status: z
    .enum(AGENT_STATUSES)
    .optional()
    .meta({ description: 'Only agents’ changes of status to this one' }),
  after: instantSchema.optional(),
  before: instantSchema.optional(),
});
export type AuditListQuery = z.infer<typeof auditListQuery>;
