import { z } from 'zod';
import { agentSelectionSchema, PLATFORMS } from '../agent/agent.ts';
import {
  dependencySchema,
  detectionRuleSchema,
  replacesSchema,
  requirementsSchema,
} from '../agent-task/package-rules.ts';
import { correlationIdSchema, freeText, idSchema, instantSchema, pageQuery, text } from '../http/common.ts';
import { gatesSchema, ringSchema, ringsSchema, timeZoneSchema, windowSchema } from './rings.ts';
import { RISK_FACTORS } from './risk.ts';
import {
  AGENT_FAILURE_KINDS,
  DEPLOYMENT_STATUSES,
  DEVICE_STATES,
  FAILURE_KINDS,
  RING_STATES,
} from './states.ts';

const nameSchema = text(64).regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/);

/** How a rollout goes, whatever package it carries; named, it is a rollout plan that intents can share. */
const planFields = {
  rings: ringsSchema,
  windows: z
    .array(windowSchema)
    .max(20)
    .default([])
    .meta({ description: 'Installs begin only within them, by the clock of each device; none: at any time' }),
  time_zone: timeZoneSchema
    .default('UTC')
    .meta({ description: 'Of devices that name none by the tag or metadata field `timezone`' }),
  max_in_flight: z
    .number()
    .int()
    .min(1)
    .max(5_000)
    .default(200)
    .meta({ description: 'Devices that work on it at the same time' }),
  max_per_minute: z.number().int().min(1).max(100_000).default(1_000),
  attempts: z
    .partialRecord(
      z.enum([...AGENT_FAILURE_KINDS, 'timeout', 'lost', 'other']),
      z.number().int().min(1).max(10),
    )
    .default({ download: 3, timeout: 2, lost: 2 })
    .meta({ description: 'Tries a device, by the kind of its failure; one where none is given' }),
  timeout_seconds: z.number().int().min(60).max(86_400).default(3_600),
  automatic_rollback: z
    .boolean()
    .default(true)
    .meta({ description: 'When a gate stops the rollout, devices go back to the version before' }),
  late_joiners: z
    .boolean()
    .default(false)
    .meta({ description: 'Devices that come to fit the selection later get it, too, also after the end' }),
  approval_seconds: z
    .number()
    .int()
    .min(300)
    .max(7_776_000)
    .default(604_800)
    .meta({ description: 'Without a decision by then the intent expires' }),
};

export const rolloutPlanSchema = z.strictObject(planFields).meta({ id: 'RolloutPlan' });
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>;

/** What the package asks of machines, and how it is seen there. */
export const packageRulesSchema = z.strictObject({
  detection: detectionRuleSchema
    .optional()
    .meta({ description: 'What installed means; default: the package database knows the version' }),
  requirements: requirementsSchema.optional(),
  dependencies: z.array(dependencySchema).max(50).default([]),
  replaces: z.array(replacesSchema).max(50).default([]),
});

export const createDeploymentSchema = z
  .strictObject({
    name: nameSchema.optional().meta({ description: 'For people; default: the package and its version' }),
    pipeline_id: idSchema.meta({ description: 'Must have PASSED, with its evidence' }),
    selection: agentSelectionSchema
      .omit({ status: true, is_online: true })
      .extend({ agent_ids: z.array(idSchema).min(1).max(10_000).optional() })
      .default({})
      .meta({ description: 'Agents that fit all filters given; always of the package’s platform only' }),
    plan: rolloutPlanSchema.optional(),
    plan_name: nameSchema
      .optional()
      .meta({ description: 'A rollout plan that was applied, instead of plan' }),
    base_at: instantSchema
      .optional()
      .meta({ description: 'Offsets of rings count from here; default: when it is approved' }),
    ...packageRulesSchema.shape,
  })
  .refine(({ plan, plan_name }) => (plan === undefined) !== (plan_name === undefined), {
    path: ['plan'],
    message: 'give either plan or plan_name',
  })
  .meta({ id: 'CreateDeployment' });
export type CreateDeployment = z.infer<typeof createDeploymentSchema>;

export const riskSchema = z
  .object({
    score: z.number().int().meta({ description: '0 to 100' }),
    factors: z.array(
      z.object({
        factor: z.enum(RISK_FACTORS),
        points: z.number().int(),
        max_points: z.number().int(),
        reason: z.string(),
      }),
    ),
  })
  .meta({ id: 'DeploymentRisk' });

const countsSchema = z.partialRecord(z.enum(DEVICE_STATES), z.number().int());

export const deploymentSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    status: z.enum(DEPLOYMENT_STATUSES),
    reason: z.string().meta({ description: 'Why it stands where it stands, or what it waits for' }),
    pipeline_id: idSchema,
    package_name: z.string(),
    package_version: z.string(),
    platform: z.enum(PLATFORMS),
    evidence_id: idSchema.nullable(),
    previous_pipeline_id: idSchema
      .nullable()
      .meta({ description: 'What a rollback installs; null: uninstalls' }),
    selection: z.record(z.string(), z.unknown()),
    plan: z.record(z.string(), z.unknown()),
    risk: riskSchema,
    risk_threshold: z.number().int(),
    approval_required: z.boolean(),
    approval_ends_at: instantSchema.nullable(),
    base_at: instantSchema.nullable(),
    devices: countsSchema,
    current_ring: z.string().nullable(),
    correlation_id: z.string(),
    created_by: z.string(),
    created_at: instantSchema,
    started_at: instantSchema.nullable(),
    ended_at: instantSchema.nullable(),
    workflow_id: z.string().meta({ description: 'Workflow in Temporal that drives the deployment' }),
  })
  .meta({ id: 'Deployment' });
export type Deployment = z.infer<typeof deploymentSchema>;

export const deploymentListQuery = pageQuery.extend({
  status: z.enum(DEPLOYMENT_STATUSES).optional(),
  package_name: text(255).optional(),
  pipeline_id: idSchema.optional(),
  correlation_id: correlationIdSchema.optional(),
});
export type DeploymentListQuery = z.infer<typeof deploymentListQuery>;

export const DECISIONS = ['approve', 'reject'] as const;

/** What an approval asks for; the rollout keeps to all but `note`, which is for people. */
export const conditionsSchema = z
  .strictObject({
    note: text(2_000).optional(),
    not_before: instantSchema.optional(),
    pause_after_ring: text(64)
      .optional()
      .meta({ description: 'Name of the ring after which a person looks' }),
    max_per_minute: z.number().int().min(1).max(100_000).optional(),
  })
  .meta({ id: 'ApprovalConditions' });
export type ApprovalConditions = z.infer<typeof conditionsSchema>;

export const decisionRequestSchema = z
  .strictObject({
    decision: z.enum(DECISIONS),
    comment: freeText(2_000).default(''),
    conditions: conditionsSchema.optional(),
  })
  .refine(({ decision, conditions }) => decision === 'approve' || conditions === undefined, {
    path: ['conditions'],
    message: 'belong to an approval',
  })
  .meta({ id: 'CabDecisionRequest' });
export type DecisionRequest = z.infer<typeof decisionRequestSchema>;

export const decisionSchema = z
  .object({
    id: idSchema,
    deployment_id: idSchema,
    decision: z.enum(DECISIONS),
    approver: z.string().meta({ description: 'Never who created the intent' }),
    comment: z.string(),
    conditions: conditionsSchema.nullable(),
    risk_score: z.number().int().meta({ description: 'The score that was decided on' }),
    decided_at: instantSchema,
  })
  .meta({ id: 'CabDecision' });
export type Decision = z.infer<typeof decisionSchema>;

export const decisionsSchema = z
  .object({ items: z.array(decisionSchema) })
  .meta({ id: 'CabDecisions', description: 'At most one: the first decision counts' });

export const deploymentRingSchema = z
  .object({
    position: z.number().int(),
    name: z.string(),
    state: z.enum(RING_STATES),
    reason: z.string(),
    size: ringSchema.shape.size,
    gates: gatesSchema,
    soak_seconds: z.number().int(),
    starts_at: instantSchema.nullable(),
    deadline_at: instantSchema.nullable(),
    opened_at: instantSchema.nullable(),
    soak_started_at: instantSchema.nullable(),
    ended_at: instantSchema.nullable(),
    devices: countsSchema,
    failures: z.partialRecord(z.enum(FAILURE_KINDS), z.number().int()),
  })
  .meta({ id: 'DeploymentRing' });
export type DeploymentRing = z.infer<typeof deploymentRingSchema>;

export const deploymentRingsSchema = z
  .object({ items: z.array(deploymentRingSchema) })
  .meta({ id: 'DeploymentRings', description: 'All rings, in their order; at most 20' });

export const deploymentDeviceSchema = z
  .object({
    agent_id: idSchema,
    hostname: z.string(),
    ring: z.string(),
    state: z.enum(DEVICE_STATES),
    attempts: z.number().int(),
    failure_kind: z.enum(FAILURE_KINDS).nullable(),
    reason: z.string().nullable(),
    task_id: idSchema.nullable(),
    rollback_task_id: idSchema.nullable(),
    joined_at: instantSchema,
    dispatched_at: instantSchema.nullable(),
    settled_at: instantSchema.nullable(),
  })
  .meta({ id: 'DeploymentDevice' });
export type DeploymentDevice = z.infer<typeof deploymentDeviceSchema>;

export const deploymentDeviceQuery = pageQuery.extend({
  ring: text(64).optional(),
  state: z.enum(DEVICE_STATES).optional(),
});
export type DeploymentDeviceQuery = z.infer<typeof deploymentDeviceQuery>;

export const operatorWordSchema = z
  .strictObject({ reason: freeText(1_000).default('') })
  .meta({ id: 'DeploymentWord' });
