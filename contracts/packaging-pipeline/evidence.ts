import { z } from 'zod';
import { sha256Schema } from '../artifact/artifact.ts';
import { idSchema, instantSchema, pageQuery } from '../http/common.ts';
import { findingCountsSchema } from './findings.ts';
import { policyDecisionSchema } from './policy.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';
export const BUILD_TYPE = 'https://eucora.dev/packaging-pipeline/v1';

const digest = z.object({ sha256: sha256Schema });
const resource = z.object({
  name: z.string(),
  uri: z.string().optional(),
  digest,
  mediaType: z.string().optional(),
});

/** The deployment for which a pack was made; null in the pack that a pipeline makes at its end. */
export const evidenceIntentSchema = z
  .object({
    id: idSchema,
    description: z.string(),
    created_by: z.string(),
    risk_score: z.number().nullable(),
  })
  .meta({ id: 'EvidenceIntent' });
export type EvidenceIntent = z.infer<typeof evidenceIntentSchema>;

/** SLSA provenance, version 1: what went in, who built it with what, what came out and what was found. */
export const provenanceSchema = z.object({
  buildDefinition: z.object({
    buildType: z.literal(BUILD_TYPE),
    externalParameters: z.object({
      package_name: z.string(),
      package_version: z.string(),
      platform: z.string(),
      format: z.string(),
      sbom_format: z.string(),
      signing_key: z.string(),
      description_sha256: sha256Schema,
    }),
    internalParameters: z.object({ pipeline_id: idSchema, created_by: z.string() }),
    resolvedDependencies: z.array(resource),
  }),
  runDetails: z.object({
    builder: z.object({
      id: z.string(),
      version: z.record(z.string(), z.string()).meta({ description: 'Of each tool' }),
      builderDependencies: z.array(resource),
    }),
    metadata: z.object({
      invocationId: z.string(),
      startedOn: instantSchema,
      finishedOn: instantSchema,
    }),
    byproducts: z.array(resource),
  }),
  eucora: z.object({
    signing: z.object({
      certificate_thumbprint: z.string(),
      subject: z.string(),
      expires_at: z.string().nullable(),
      timestamped: z.boolean(),
    }),
    isolation: z.string(),
    attested_by_certificate: sha256Schema.meta({
      description: 'Of the certificate that comes with the signature',
    }),
    scan: z.object({ passed: z.boolean(), findings: findingCountsSchema }),
    policy: policyDecisionSchema,
    exceptions: z.array(idSchema),
    intent: evidenceIntentSchema.nullable(),
  }),
});

export const statementSchema = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(resource).min(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: provenanceSchema,
});
export type Statement = z.infer<typeof statementSchema>;

/** Names under which a statement lists what a pipeline made besides the package. */
export const BYPRODUCTS = { sbom: 'sbom', scan: 'scan-result' } as const;

export const evidencePackSchema = z
  .object({
    id: idSchema,
    sha256: sha256Schema.meta({ description: 'Of the signed document' }),
    pipeline_id: idSchema,
    deployment_intent_id: idSchema.nullable(),
    signer_thumbprint: z.string().meta({ description: 'SHA-256 of the signer’s certificate' }),
    created_at: instantSchema,
  })
  .meta({ id: 'EvidencePack' });
export type EvidencePack = z.infer<typeof evidencePackSchema>;

export const evidenceListQuery = pageQuery.extend({ pipeline_id: idSchema.optional() });
export type EvidenceListQuery = z.infer<typeof evidenceListQuery>;
