import { z } from 'zod';
import { rolloutPlanSchema } from '../deployment/deployment.ts';
import { correlationIdSchema, idSchema, instantSchema, pageQuery, text } from '../http/common.ts';
import { policyExceptionRequestSchema } from '../packaging-pipeline/exception.ts';
import { createPipelineSchema } from '../packaging-pipeline/pipeline.ts';
import { packagingPolicySchema } from '../packaging-pipeline/policy.ts';

/** What a fleet is to be, as one file: packages, the policies that judge them, rollout plans and exceptions. */

const name = text(64).regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/);

const policySchema = packagingPolicySchema.extend({ name });
const packageSchema = createPipelineSchema
  .omit({ policy: true })
  .extend({ policy: name.optional().meta({ description: 'Name of a policy; default: the plain gate' }) });
const planSchema = rolloutPlanSchema.extend({ name });
const exceptionSchema = policyExceptionRequestSchema
  .omit({ expires_in_seconds: true })
  .extend({ expires_at: instantSchema });

/** Nothing is named twice: what would count is not said. */
function unique<T>(key: (item: T) => string) {
  return (items: readonly T[], context: z.core.$RefinementCtx) => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      if (seen.has(key(item)))
        context.addIssue({ code: 'custom', path: [index], message: `${key(item)} is there twice` });
      seen.add(key(item));
    }
  };
}

export const fleetFileSchema = z
  .strictObject({
    version: z.literal(1),
    policies: z
      .array(policySchema)
      .max(100)
      .superRefine(unique((policy) => policy.name))
      .default([]),
    packages: z
      .array(packageSchema)
      .max(200)
      .superRefine(unique(({ description }) => `${description.name} as ${description.format}`))
      .default([]),
    rollout_plans: z
      .array(planSchema)
      .max(100)
      .superRefine(unique((plan) => plan.name))
      .default([]),
    exceptions: z
      .array(exceptionSchema)
      .max(500)
      .superRefine(unique((exception) => exceptionName(exception)))
      .default([]),
  })
  .meta({ id: 'FleetFile' });
export type FleetFile = z.infer<typeof fleetFileSchema>;

export const exceptionName = (exception: {
  package_name: string;
  package_version?: string | undefined;
  cve_ids: readonly string[];
}): string =>
  `${exception.package_name}${exception.package_version === undefined ? '' : ` ${exception.package_version}`}: ${[...exception.cve_ids].sort().join(', ')}`;

export const FLEET_KINDS = ['policy', 'package', 'rollout_plan', 'exception'] as const;

export const fleetChangeSchema = z
  .object({
    kind: z.enum(FLEET_KINDS),
    name: z.string(),
    action: z.enum(['create', 'update', 'unchanged']),
    fields: z.array(z.string()).meta({ description: 'With update: what differs' }),
    id: idSchema.nullable().meta({ description: 'Of the pipeline or the exception; null in a dry run' }),
  })
  .meta({ id: 'FleetChange' });
export type FleetChange = z.infer<typeof fleetChangeSchema>;

export const fleetPlanSchema = z
  .object({
    dry_run: z.boolean(),
    changed: z.number().int(),
    changes: z.array(fleetChangeSchema),
    correlation_id: correlationIdSchema,
  })
  .meta({ id: 'FleetPlan', description: 'All or nothing was done' });
export type FleetPlan = z.infer<typeof fleetPlanSchema>;

export const rolloutPlanRecordSchema = z
  .object({
    name: z.string(),
    plan: rolloutPlanSchema,
    updated_by: z.string(),
    updated_at: instantSchema,
  })
  .meta({ id: 'RolloutPlanRecord' });
export type RolloutPlanRecord = z.infer<typeof rolloutPlanRecordSchema>;

export const rolloutPlanListQuery = pageQuery;
