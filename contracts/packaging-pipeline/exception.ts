import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text } from '../http/common.ts';

/**
 * REQUESTED: waits for a second person. APPROVED: excuses its findings until it expires. EXPIRED and REVOKED excuse
 * nothing any more.
 */
export const EXCEPTION_STATUSES = ['REQUESTED', 'APPROVED', 'EXPIRED', 'REVOKED'] as const;
export type ExceptionStatus = (typeof EXCEPTION_STATUSES)[number];

/** A year and a day: what is excused for longer is a policy, not an exception. */
const LONGEST_SECONDS = 366 * 86_400;

const cveIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{2,63}$/)
  .meta({ description: 'As the scanner names the finding', example: 'CVE-2021-44228' });

export const policyExceptionRequestSchema = z
  .strictObject({
    package_name: text(255).meta({ description: 'The package whose findings are excused' }),
    package_version: text(255)
      .optional()
      .meta({ description: 'Only of this version; all versions when left out' }),
    cve_ids: z.array(cveIdSchema).min(1).max(200),
    reason: text(2_000),
    expires_in_seconds: z.number().int().min(60).max(LONGEST_SECONDS).default(2_592_000),
  })
  .meta({ id: 'PolicyExceptionRequest' });
export type PolicyExceptionRequest = z.infer<typeof policyExceptionRequestSchema>;

export const policyExceptionSchema = z
  .object({
    id: idSchema,
    status: z.enum(EXCEPTION_STATUSES),
    package_name: z.string(),
    package_version: z.string().nullable(),
    cve_ids: z.array(z.string()),
    reason: z.string(),
    requested_by: z.string(),
    approver: z
      .string()
      .nullable()
      .meta({ description: 'Never who requested it; null until it is approved' }),
    approved_at: instantSchema.nullable(),
    expires_at: instantSchema,
    revoked_at: instantSchema.nullable(),
    revoked_by: z.string().nullable(),
    created_at: instantSchema,
    correlation_id: z.string(),
  })
  .meta({ id: 'PolicyException' });
export type PolicyException = z.infer<typeof policyExceptionSchema>;

export const policyExceptionListQuery = pageQuery.extend({
  status: z.enum(EXCEPTION_STATUSES).optional(),
  package_name: text(255).optional(),
});
export type PolicyExceptionListQuery = z.infer<typeof policyExceptionListQuery>;
