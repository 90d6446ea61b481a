import { z } from 'zod';
import { idSchema, instantSchema, pageQuery } from '../http/common.ts';

export const SEVERITIES = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNKNOWN'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const SCANNERS = ['trivy', 'osv-scanner'] as const;
export type Scanner = (typeof SCANNERS)[number];

/** One known weakness in one package that was found in the staged tree; the same form whatever scanner saw it. */
export const findingSchema = z
  .object({
    id: z.string().meta({ example: 'CVE-2021-44228' }),
    /** Other names of the same weakness, such as its GHSA number. */
    aliases: z.array(z.string()),
    package: z.string(),
    version: z.string(),
    fixed_version: z.string().nullable(),
    severity: z.enum(SEVERITIES),
    source: z.string().meta({ description: 'Scanner and the database that named it' }),
    /** Path in the staged tree. */
    path: z.string().nullable(),
    title: z.string().nullable(),
    published_at: instantSchema.nullable(),
  })
  .meta({ id: 'Finding' });
export type Finding = z.infer<typeof findingSchema>;

export const judgedFindingSchema = findingSchema
  .extend({
    excused_by: idSchema.nullable().meta({ description: 'Exception on which the policy decision rests' }),
  })
  .meta({ id: 'JudgedFinding' });
export type JudgedFinding = z.infer<typeof judgedFindingSchema>;

export const findingListQuery = pageQuery.extend({ severity: z.enum(SEVERITIES).optional() });
export type FindingListQuery = z.infer<typeof findingListQuery>;

/** A third-party part as the SBOM names it. */
export const componentSchema = z.object({
  name: z.string(),
  version: z.string(),
  purl: z.string().nullable(),
  licenses: z.array(z.string()),
});
export type Component = z.infer<typeof componentSchema>;

/** How many findings of each severity a scan had. */
export const findingCountsSchema = z
  .object({
    critical: z.number().int(),
    high: z.number().int(),
    medium: z.number().int(),
    low: z.number().int(),
    unknown: z.number().int(),
  })
  .meta({ id: 'FindingCounts' });
export type FindingCounts = z.infer<typeof findingCountsSchema>;
