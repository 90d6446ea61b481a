import { z } from 'zod';

/**
 * What is looked at in an evidence pack, in this order. `stored` is the platform's own copy; what follows is the
 * document itself; the last four hold it against the files that it speaks of.
 */
export const EVIDENCE_CHECKS = [
  'stored',
  'form',
  'signer',
  'signature',
  'statement',
  'certificate',
  'validity',
  'source',
  'artifact',
  'sbom',
  'scan',
] as const;

export const evidenceCheckSchema = z
  .object({
    check: z.enum(EVIDENCE_CHECKS),
    outcome: z.enum(['PASSED', 'FAILED', 'SKIPPED']).meta({
      description: 'SKIPPED: it could not be looked at, because a check before it failed',
    }),
    reason: z.string(),
  })
  .meta({ id: 'EvidenceCheck' });
export type EvidenceCheck = z.infer<typeof evidenceCheckSchema>;

export const evidenceVerificationSchema = z
  .object({
    verified: z.boolean().meta({ description: 'Whether every check passed' }),
    checks: z.array(evidenceCheckSchema),
  })
  .meta({ id: 'EvidenceVerification' });
export type EvidenceVerification = z.infer<typeof evidenceVerificationSchema>;
