import { z } from 'zod';
import { PLATFORMS } from '../agent/agent.ts';
import { INTERPRETERS } from '../agent-task/payload.ts';
import { instantSchema } from '../http/common.ts';

/**
 * What incidents and the assistant say to each other.
 * Failure: what a device told of a task that went wrong. Classification: what kind of failure it is, and why.
 * Suggestion: a script that may remedy it, which a person must approve. Call: one question to one provider.
 */

/** A failure as it came from a device: data, never instructions. */
export const failureSchema = z.strictObject({
  platform: z.enum(PLATFORMS),
  package: z.string().max(512).default('').meta({ description: 'Name, with its version when it is known' }),
  exit_code: z.number().int().nullable().default(null),
  error: z.string().max(65_536).default(''),
  log: z.string().max(1_048_576).default('').meta({ description: 'Last part of the log' }),
});
export type Failure = z.infer<typeof failureSchema>;

export const FAILURE_CATEGORIES = [
  'INSTALLATION_FAILURE',
  'COMPATIBILITY_ISSUE',
  'NETWORK_ISSUE',
  'PERMISSION_ISSUE',
  'CONFIGURATION_ERROR',
] as const;
export type FailureCategory = (typeof FAILURE_CATEGORIES)[number];

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const AI_PROVIDERS = ['openai', 'azure', 'compatible', 'offline'] as const;
export type AiProviderName = (typeof AI_PROVIDERS)[number];

/** Ratio from 0 to 1. */
export const confidenceSchema = z.number().min(0).max(1);

/** Kinds of private data and secrets that are taken out of a text, each with how often. */
export const redactionsSchema = z.record(z.string(), z.number().int().min(1));
export type Redactions = z.infer<typeof redactionsSchema>;

export const AI_PURPOSES = ['classify', 'suggest'] as const;

/** `answered`: fits its schema. All others gave nothing that was used. */
export const AI_CALL_OUTCOMES = [
  'answered',
  'schema_mismatch',
  'truncated',
  'refused',
  'content_filtered',
  'unauthorized',
  'rate_limited',
  'timed_out',
  'unavailable',
  'circuit_open',
  'over_budget',
] as const;
export type AiCallOutcome = (typeof AI_CALL_OUTCOMES)[number];

/** Record of one question to one provider, from which a decision can be reconstructed; holds nothing unredacted. */
export const aiCallSchema = z
  .object({
    purpose: z.enum(AI_PURPOSES),
    prompt: z.string().meta({ description: 'Name of the prompt file' }),
    prompt_version: z.string(),
    provider: z.enum(AI_PROVIDERS),
    model: z.string(),
    outcome: z.enum(AI_CALL_OUTCOMES),
    cached: z.boolean().meta({ description: 'Answered from the cache; costs no tokens' }),
    input_tokens: z.number().int().min(0),
    output_tokens: z.number().int().min(0),
    latency_ms: z.number().int().min(0),
    redactions: redactionsSchema,
    raw_answer: z.string().nullable().meta({ description: 'As it came, redacted' }),
    error: z.string().nullable().meta({ description: 'What went wrong, in words for operators' }),
    at: instantSchema,
  })
  .meta({ id: 'AiCall' });
export type AiCall = z.infer<typeof aiCallSchema>;

export const classificationSchema = z
  .object({
    category: z.enum(FAILURE_CATEGORIES),
    root_cause: z.string(),
    remediation: z.string().meta({ description: 'What a person would do, in words' }),
    severity: z.enum(SEVERITIES),
    provider: z.enum(AI_PROVIDERS),
    model: z.string(),
    confidence: confidenceSchema,
  })
  .meta({ id: 'FailureClassification' });
export type Classification = z.infer<typeof classificationSchema>;

/** What the parts of a confidence were; each from 0 to 1. */
export const confidencePartsSchema = z.object({
  model: confidenceSchema.meta({ description: 'The provider’s own word' }),
  agreement: confidenceSchema.meta({ description: 'How far the rules say the same' }),
  schema_fit: confidenceSchema.meta({
    description: '1 at the first answer, less when it had to be asked again',
  }),
  evidence: confidenceSchema.meta({ description: 'Share of the quoted evidence that the input really has' }),
});
export type ConfidenceParts = z.infer<typeof confidencePartsSchema>;

/** `suggest`: confident enough to preselect a remedy. `hand_to_person`: nothing may be preselected. */
export const AI_DECISIONS = ['suggest', 'hand_to_person'] as const;

export const classificationResultSchema = z
  .object({
    /** Null when no provider gave an answer that fits: it is never guessed at. */
    classification: classificationSchema.nullable(),
    confidence_parts: confidencePartsSchema.nullable(),
    decision: z.enum(AI_DECISIONS),
    reason: z.string().meta({ description: 'Why so, for the person who decides' }),
    calls: z.array(aiCallSchema),
  })
  .meta({ id: 'ClassificationResult' });
export type ClassificationResult = z.infer<typeof classificationResultSchema>;

/** Why a script may not be suggested. `code` is stable, `excerpt` the command as understood (at most 200 characters). */
export const findingSchema = z
  .object({ code: z.string(), message: z.string(), excerpt: z.string() })
  .meta({ id: 'GuardrailFinding' });
export type Finding = z.infer<typeof findingSchema>;

export const suggestionSchema = z
  .object({
    platform: z.enum(PLATFORMS),
    interpreter: z.enum(INTERPRETERS),
    script: z.string().min(1).max(16_384),
    explanation: z.string(),
    verification: z.string().max(4_096).meta({
      description:
        'Script for the same interpreter that exits with 0 once the device is healthy; may be empty',
    }),
    provider: z.enum(AI_PROVIDERS),
    model: z.string(),
    confidence: confidenceSchema,
  })
  .meta({ id: 'RemediationSuggestion' });
export type Suggestion = z.infer<typeof suggestionSchema>;

export const suggestionResultSchema = z
  .discriminatedUnion('status', [
    z.object({ status: z.literal('suggested'), suggestion: suggestionSchema, calls: z.array(aiCallSchema) }),
    z.object({
      status: z.literal('blocked'),
      findings: z.array(findingSchema).min(1),
      explanation: z.string(),
      calls: z.array(aiCallSchema),
    }),
    z.object({ status: z.literal('none'), reason: z.string(), calls: z.array(aiCallSchema) }),
  ])
  .meta({ id: 'SuggestionResult' });
export type SuggestionResult = z.infer<typeof suggestionResultSchema>;
