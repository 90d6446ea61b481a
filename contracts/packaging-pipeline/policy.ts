import { z } from 'zod';
import { text } from '../http/common.ts';
import { SEVERITIES } from './findings.ts';

const days = z.number().int().min(0).max(3_650);
const licences = z.array(text(100)).max(500);

/**
 * What a package must be to pass, as data. Every rule that is left out asks nothing; the default is the plain gate:
 * no critical and no high finding. No policy can ask for less than the installation's floor (EUCORA_POLICY_FLOOR).
 */
export const packagingPolicySchema = z
  .strictObject({
    name: text(100).default('default'),
    /** Severities that block as soon as they are found. */
    block_severities: z.array(z.enum(SEVERITIES)).default(['CRITICAL', 'HIGH']),
    /** Whether what nobody has fixed yet blocks as well; of severities in the floor it always does. */
    block_unfixed: z.boolean().default(true),
    /** Days after publication from which a finding of that severity blocks, although it does not at once. */
    max_finding_age_days: z
      .strictObject({ CRITICAL: days, HIGH: days, MEDIUM: days, LOW: days, UNKNOWN: days })
      .partial()
      .default({}),
    /** SPDX ids that no component may have; `AGPL-*` stands for all that begin so. */
    denied_licenses: licences.default([]),
    /** If given, every component needs one of these. */
    allowed_licenses: licences.optional(),
    /** SHA-256 thumbprints or OpenPGP fingerprints; empty means that any of the platform's keys will do. */
    allowed_signers: z
      .array(z.string().regex(/^[0-9a-f]{40,64}$/))
      .max(100)
      .default([]),
    require_timestamp: z.boolean().default(false).meta({ description: 'For formats that can carry one' }),
    /** "Bake time": a third party's version must have been out for so many days. */
    min_release_age_days: days.default(0),
  })
  .meta({ id: 'PackagingPolicy' });
export type PackagingPolicy = z.infer<typeof packagingPolicySchema>;

export const POLICY_RULES = [
  'severity-gate',
  'finding-age',
  'licenses',
  'allowed-signers',
  'timestamp',
  'release-age',
] as const;
export type PolicyRule = (typeof POLICY_RULES)[number];

export const ruleOutcomeSchema = z.object({
  rule: z.enum(POLICY_RULES),
  outcome: z.enum(['PASSED', 'EXCUSED', 'FAILED']),
  reason: z.string(),
  /** Ids of the findings, or names of the components, that the outcome rests on. */
  findings: z.array(z.string()),
  exceptions: z.array(z.string()).meta({ description: 'Ids of the exceptions that excused something' }),
});
export type RuleOutcome = z.infer<typeof ruleOutcomeSchema>;

export const policyDecisionSchema = z
  .object({
    verdict: z.enum(['PASSED', 'EXCUSED', 'FAILED']),
    policy: z.string(),
    rules: z.array(ruleOutcomeSchema),
    exception_ids: z.array(z.string()),
    decided_at: z.string(),
  })
  .meta({ id: 'PolicyDecision' });
export type PolicyDecision = z.infer<typeof policyDecisionSchema>;
