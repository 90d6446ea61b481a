import { z } from 'zod';
import { freeText, jsonObject, text } from '../http/common.ts';
import {
  dependencySchema,
  detectionRuleSchema,
  replacesSchema,
  requirementsSchema,
  signatureRuleSchema,
} from './package-rules.ts';
import type { TaskType } from './states.ts';

/**
 * What the four kinds of task carry. The platform checks that the fields which a type cannot do without are there,
 * and those it knows, and hands on the rest untouched; the agent checks once more and fails the task if not.
 */

export const artifactReferenceSchema = z.looseObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  url: z
    .string()
    .max(2_048)
    .optional()
    .meta({ description: 'Absolute, or a path at the platform; default: the platform’s store' }),
  size_bytes: z.number().int().min(0).optional(),
  name: text(255).optional(),
});
export type ArtifactReference = z.infer<typeof artifactReferenceSchema>;

export const COLLECTIBLES = ['installed_software', 'system', 'telemetry'] as const;

export const collectPayload = z.looseObject({
  collect: z.array(z.enum(COLLECTIBLES)).min(1).default(['installed_software']),
});

export const PACKAGE_FORMATS = ['deb', 'rpm', 'msi', 'pkg'] as const;

/** `uninstall` names no artifact, so that agents that do not know the word fail the task instead of installing. */
export const DEPLOY_ACTIONS = ['install', 'uninstall'] as const;

const deployFields = z.looseObject({
  action: z.enum(DEPLOY_ACTIONS).default('install'),
  package_name: text(255),
  package_version: text(255),
  format: z.enum(PACKAGE_FORMATS).default('deb'),
  artifact: artifactReferenceSchema.optional(),
  signature: signatureRuleSchema.optional().meta({ description: 'Checked before anything is installed' }),
  detection: detectionRuleSchema.optional(),
  requirements: requirementsSchema.optional(),
  dependencies: z.array(dependencySchema).max(50).optional(),
  replaces: z.array(replacesSchema).max(50).optional(),
  deployment_intent: text(128).optional(),
});
export const deployPayload = deployFields.refine(
  ({ action = 'install', artifact }) => action !== 'install' || artifact !== undefined,
  // Also of a payload that lacks something else: all that is wrong is told at once.
  { path: ['artifact'], error: 'is needed to install', when: ({ value }) => value instanceof Object },
);

export const INTERPRETERS = ['sh', 'bash', 'powershell', 'cmd', 'python3'] as const;

export const remediatePayload = z.looseObject({
  script: freeText(262_144).min(1),
  interpreter: z.enum(INTERPRETERS).default('sh'),
  time_limit_seconds: z.number().int().min(1).max(86_400).default(300),
});

export const updatePayload = z.looseObject({
  version: text(64),
  artifact: artifactReferenceSchema,
  health_timeout_seconds: z.number().int().min(1).max(3_600).default(60),
});

export type CollectPayload = z.infer<typeof collectPayload>;
export type DeployPayload = z.infer<typeof deployPayload>;
export type RemediatePayload = z.infer<typeof remediatePayload>;
export type UpdatePayload = z.infer<typeof updatePayload>;

const MAX_PAYLOAD_BYTES = 524_288;

const knownFields = z.looseObject({
  ...collectPayload.partial().shape,
  ...deployFields.partial().shape,
  ...remediatePayload.partial().shape,
  ...updatePayload.partial().shape,
});

/** A payload as the platform takes it: any JSON object whose known fields are right. */
export const payloadSchema = jsonObject(MAX_PAYLOAD_BYTES)
  .superRefine((payload, context) => {
    for (const issue of knownFields.safeParse(payload).error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: issue.path, message: issue.message });
    }
  })
  .meta({
    description: 'By task type; see the agent specification. Unknown fields reach the agent untouched',
  });

const BY_TYPE = {
  COLLECT: collectPayload,
  DEPLOY: deployPayload,
  REMEDIATE: remediatePayload,
  UPDATE: updatePayload,
} as const satisfies Record<TaskType, z.ZodType>;

/** Of a whole request: what a task of this type cannot do without must be there, or it would fail hours later. */
export function refusePayloadThatCannotWork(
  request: { readonly task_type: TaskType; readonly payload: Record<string, unknown> },
  context: z.core.$RefinementCtx,
): void {
  // Wrong values of known fields have been told.
  if (context.issues.length > 0) return;
  for (const issue of BY_TYPE[request.task_type].safeParse(request.payload).error?.issues ?? []) {
    context.addIssue({ code: 'custom', path: ['payload', ...issue.path], message: issue.message });
  }
}
