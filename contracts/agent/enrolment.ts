import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text } from '../http/common.ts';
import { agentMetadata, hardwareFields, tagsSchema } from './agent.ts';

/** PEM of a PKCS#10 request; RSA of 2048 bits or more, or ECDSA P-256. */
export const csrSchema = z.string().min(64).max(16_384).meta({
  description: 'Certificate signing request (PKCS#10, PEM); RSA 2048 or better, or ECDSA P-256',
});

/** Names the machine, not the user; agents derive it from what a clone does not share. */
export const hardwareIdSchema = z.string().regex(/^[A-Za-z0-9._:-]{8,128}$/);

export const registerRequestSchema = z
  .object({
    registration_key: z.string().min(1).max(256).meta({ description: 'An enrolment token' }),
    csr: csrSchema,
    ...hardwareFields,
    hardware_id: hardwareIdSchema.optional().meta({
      description: 'Identity of the machine; derived from MAC address or hostname when left out',
    }),
    tags: tagsSchema.optional(),
    metadata: agentMetadata.optional(),
  })
  .meta({ id: 'RegisterRequest' });
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

/** What the server wants of an agent; intervals in seconds, sizes in bytes. */
export const agentConfigurationSchema = z
  .object({
    heartbeat_interval_seconds: z.number().int(),
    telemetry_interval_seconds: z.number().int(),
    offline_after_seconds: z.number().int(),
    limits: z.object({
      max_pending_tasks: z.number().int(),
      max_telemetry_batch: z.number().int(),
      max_body_bytes: z.number().int(),
    }),
  })
  .meta({ id: 'AgentConfiguration' });
export type AgentConfiguration = z.infer<typeof agentConfigurationSchema>;

export const issuedCertificateSchema = z
  .object({
    certificate: z.string().meta({ description: 'Client certificate, PEM' }),
    ca_chain: z.string().meta({ description: 'Certificates of the issuing CA, PEM' }),
    not_after: instantSchema,
  })
  .meta({ id: 'IssuedCertificate' });

export const registerResponseSchema = issuedCertificateSchema
  .extend({ agent_id: idSchema, configuration: agentConfigurationSchema })
  .meta({ id: 'RegisterResponse' });
export type RegisterResponse = z.infer<typeof registerResponseSchema>;

export const renewRequestSchema = z.object({ csr: csrSchema }).meta({ id: 'RenewRequest' });

export const enrolmentTokenRequestSchema = z
  .strictObject({
    name: text(128),
    expires_in_seconds: z.number().int().min(1).max(31_536_000).default(86_400),
    max_uses: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .nullable()
      .default(1)
      .meta({ description: 'null: as often as wanted until it expires' }),
    tags: tagsSchema.default({}).meta({ description: 'Given to every agent that enrols with the token' }),
  })
  .meta({ id: 'EnrolmentTokenRequest' });
export type EnrolmentTokenRequest = z.infer<typeof enrolmentTokenRequestSchema>;

export const enrolmentTokenSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    expires_at: instantSchema,
    max_uses: z.number().int().nullable(),
    use_count: z.number().int(),
    tags: z.record(z.string(), z.unknown()),
    created_by: z.string(),
    created_at: instantSchema,
    revoked_at: instantSchema.nullable(),
  })
  .meta({ id: 'EnrolmentToken' });
export type EnrolmentToken = z.infer<typeof enrolmentTokenSchema>;

export const createdEnrolmentTokenSchema = enrolmentTokenSchema
  .extend({ token: z.string().meta({ description: 'Shown once; the platform keeps only its hash' }) })
  .meta({ id: 'CreatedEnrolmentToken' });

export const enrolmentTokenListQuery = pageQuery;
