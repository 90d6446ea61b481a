import { z } from 'zod';
import { PLATFORMS } from '../agent/agent.ts';
import { PACKAGE_FORMATS } from '../agent-task/payload.ts';
import { sha256Schema } from '../artifact/artifact.ts';
import {
  correlationIdSchema,
  idSchema,
  instantSchema,
  MAX_PAGE_SIZE,
  pageQuery,
  text,
} from '../http/common.ts';
import { packageDescriptionSchema } from './description.ts';
import { findingCountsSchema } from './findings.ts';
import { packagingPolicySchema, policyDecisionSchema } from './policy.ts';
import { keyReferenceSchema } from './signing-keys.ts';
import { PIPELINE_STATUSES, PIPELINE_STEPS, SBOM_FORMATS, STEP_STATUSES } from './steps.ts';

const sourceSchema = z
  .union([
    z.strictObject({
      artifact_sha256: sha256Schema.meta({ description: 'Of an artifact that was uploaded' }),
    }),
    z.strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2_048)
        .refine((url) => !URL.canParse(url) || new URL(url).username === '', 'must not hold credentials'),
      sha256: sha256Schema.meta({ description: 'What is fetched must have this hash' }),
    }),
  ])
  .meta({ id: 'PipelineSource' });

export const createPipelineSchema = z
  .strictObject({
    source: sourceSchema,
    description: packageDescriptionSchema.meta({ id: 'PackageDescription' }),
    sbom_format: z.enum(SBOM_FORMATS).default('cyclonedx'),
    signing_key: keyReferenceSchema
      .default('development')
      .meta({ description: 'Reference of a signing key that the packaging workers know' }),
    policy: packagingPolicySchema.prefault({}),
  })
  .meta({ id: 'CreatePipeline' });
export type CreatePipeline = z.infer<typeof createPipelineSchema>;

export const pipelineStepSchema = z
  .object({
    step: z.enum(PIPELINE_STEPS),
    status: z.enum(STEP_STATUSES),
    attempts: z.number().int(),
    started_at: instantSchema,
    ended_at: instantSchema.nullable(),
    duration_ms: z.number().int().nullable().meta({ description: 'Of the last attempt' }),
    error: z.string().nullable().meta({
      description: 'Of the last attempt that failed, also while another one goes on; null once it is done',
    }),
  })
  .meta({ id: 'PipelineStep' });
export type PipelineStepRecord = z.infer<typeof pipelineStepSchema>;

/** A step that did not succeed so far, of a pipeline that goes on. */
export const stepTroubleSchema = z
  .object({
    step: z.enum(PIPELINE_STEPS),
    attempt: z.number().int().meta({ description: 'The one that failed last, counted from 1' }),
    message: z.string(),
  })
  .meta({ id: 'StepTrouble' });
export type StepTrouble = z.infer<typeof stepTroubleSchema>;

/** In one line, for people. */
export const troubleInWords = ({ step, attempt, message }: StepTrouble): string =>
  `${step}, attempt ${attempt}: ${message}`;

const time = instantSchema.nullable();

export const pipelineSchema = z
  .object({
    id: idSchema,
    package_name: z.string(),
    package_version: z.string(),
    platform: z.enum(PLATFORMS),
    format: z.enum(PACKAGE_FORMATS),
    status: z.enum(PIPELINE_STATUSES),
    source_artifact_url: z.string().nullable(),
    source_artifact_hash: sha256Schema,
    build_started_at: time,
    build_ended_at: time,
    sign_started_at: time,
    sign_ended_at: time,
    sbom_started_at: time,
    sbom_ended_at: time,
    scan_started_at: time,
    scan_ended_at: time,
    signing_key: z.string(),
    signing_certificate_thumbprint: z.string().nullable(),
    signing_warnings: z.array(z.string()).meta({ description: 'Such as a certificate that ends soon' }),
    sbom_format: z.enum(SBOM_FORMATS),
    sbom_url: z.string().nullable(),
    sbom_hash: sha256Schema.nullable(),
    build_logs_url: z.string(),
    scan_results_url: z.string().nullable(),
    scan_results_hash: sha256Schema.nullable(),
    scan_summary: findingCountsSchema.nullable(),
    scan_pass: z.boolean().nullable(),
    policy_decision: policyDecisionSchema.nullable(),
    exception_id: idSchema.nullable().meta({ description: 'The first of exception_ids' }),
    exception_ids: z.array(idSchema).meta({ description: 'Exceptions without which it would have failed' }),
    output_artifact_url: z.string().nullable(),
    output_artifact_hash: sha256Schema.nullable(),
    output_artifact_name: z.string().nullable(),
    output_artifact_bytes: z.number().int().nullable(),
    evidence_id: idSchema.nullable(),
    evidence_hash: sha256Schema.nullable(),
    failure_step: z.enum(PIPELINE_STEPS).nullable(),
    failure_code: z.string().nullable(),
    failure_message: z.string().nullable(),
    last_error: stepTroubleSchema.nullable().meta({
      description: 'Why it is not done yet; null when no attempt has failed, and once the pipeline has ended',
    }),
    cancel_requested_at: time,
    retry_of: idSchema.nullable(),
    correlation_id: z.string(),
    created_by: z.string(),
    created_at: instantSchema,
    ended_at: time,
    workflow_id: z.string().meta({ description: 'Workflow in Temporal that drives the pipeline' }),
  })
  .meta({ id: 'PackagingPipeline' });
export type Pipeline = z.infer<typeof pipelineSchema>;

export const pipelineDetailsSchema = pipelineSchema
  .extend({
    description: z.record(z.string(), z.unknown()),
    policy: z.record(z.string(), z.unknown()),
    steps: z.array(pipelineStepSchema),
  })
  .meta({ id: 'PackagingPipelineDetails' });
export type PipelineDetails = z.infer<typeof pipelineDetailsSchema>;

export const pipelineListQuery = pageQuery.extend({
  status: z.enum(PIPELINE_STATUSES).optional(),
  platform: z.enum(PLATFORMS).optional(),
  package_name: text(255).optional(),
  correlation_id: correlationIdSchema.optional(),
});
export type PipelineListQuery = z.infer<typeof pipelineListQuery>;

/** What of a pipeline's log is kept; what comes after is dropped, and the log says so. */
export const MAX_LOG_BYTES = 4 * 1_048_576;

export const pipelineLogQuery = z.strictObject({
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .meta({ description: 'Bytes from the beginning: next_offset of the answer before' }),
  tail: z.coerce.number().int().min(1).max(MAX_LOG_BYTES).optional().meta({
    description:
      'Begin with the piece that lies so many bytes before the present end, where that is later than the offset',
  }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .default(100)
    .meta({ description: 'Pieces of at most 64 KiB' }),
});

export const pipelineLogSchema = z
  .object({
    text: z.string(),
    next_offset: z.number().int().meta({ description: 'Where to go on' }),
    complete: z.boolean().meta({ description: 'Nothing will follow' }),
  })
  .meta({ id: 'PipelineLog' });
export type PipelineLog = z.infer<typeof pipelineLogSchema>;
