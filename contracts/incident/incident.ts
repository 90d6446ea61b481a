import { z } from 'zod';
import { PLATFORMS } from '../agent/agent.ts';
import { INTERPRETERS } from '../agent-task/payload.ts';
import { TASK_TYPES } from '../agent-task/states.ts';
import { flagSchema, freeText, idSchema, instantSchema, pageQuery, text } from '../http/common.ts';
import {
  AI_PROVIDERS,
  aiCallSchema,
  confidencePartsSchema,
  FAILURE_CATEGORIES,
  findingSchema,
  SEVERITIES,
} from './ai.ts';
import { INCIDENT_OUTCOMES, INCIDENT_STATUSES, REMEDY_STATES } from './states.ts';

/**
 * What operators see of incidents. Incident: failures that are alike, within one window of time. Occurrence: one task
 * that failed so. Suggestion: a script that may remedy it. Remedy: one device on its way through an approved one.
 */

export const incidentSchema = z
  .object({
    id: idSchema,
    status: z.enum(INCIDENT_STATUSES),
    outcome: z.enum(INCIDENT_OUTCOMES).nullable(),
    platform: z.enum(PLATFORMS),
    task_type: z.enum(TASK_TYPES),
    package_name: z.string().nullable(),
    exit_code: z.number().int().nullable(),
    error: z.string().meta({ description: 'What the error texts share: what differs has placeholders' }),
    fingerprint: z.string(),
    window_start: instantSchema,
    occurrence_count: z.number().int(),
    device_count: z.number().int(),
    first_seen_at: instantSchema,
    last_seen_at: instantSchema,
    label: z.enum(FAILURE_CATEGORIES).nullable(),
    severity: z.enum(SEVERITIES).nullable(),
    root_cause: z.string().nullable(),
    remediation: z.string().nullable().meta({ description: 'What a person would do, in words' }),
    confidence: z.number().nullable(),
    confidence_parts: confidencePartsSchema.nullable(),
    advice: z.string().nullable().meta({ description: 'Why a suggestion is preselected, or none' }),
    preselected_suggestion_id: idSchema.nullable(),
    approved_suggestion_id: idSchema.nullable(),
    retry_failed_tasks: z.boolean(),
    waiting_since: instantSchema.nullable(),
    reminders: z.number().int(),
    decided_by: z.string().nullable(),
    decided_at: instantSchema.nullable(),
    decision_note: z.string().nullable(),
    closed_at: instantSchema.nullable(),
    correlation_id: z.string(),
    workflow_id: z.string().meta({ description: 'Workflow in Temporal that drives the incident' }),
  })
  .meta({ id: 'Incident' });
export type Incident = z.infer<typeof incidentSchema>;

export const incidentSuggestionSchema = z
  .object({
    id: idSchema,
    provider: z.enum(AI_PROVIDERS).nullable().meta({ description: 'Null when a person wrote it' }),
    model: z.string().nullable(),
    interpreter: z.enum(INTERPRETERS).nullable(),
    script: z.string().nullable().meta({ description: 'Null when the guardrails blocked it' }),
    verification: z
      .string()
      .nullable()
      .meta({ description: 'Script that ends with 0 once the device is healthy' }),
    explanation: z.string(),
    confidence: z.number().nullable(),
    findings: z.array(findingSchema).meta({ description: 'Why it was blocked; empty when it was not' }),
    created_by: z.string(),
    created_at: instantSchema,
  })
  .meta({ id: 'IncidentSuggestion' });
export type IncidentSuggestion = z.infer<typeof incidentSuggestionSchema>;

export const incidentDetailSchema = incidentSchema
  .extend({
    suggestions: z.array(incidentSuggestionSchema).meta({ description: 'Newest first, at most 20' }),
    remedies: z
      .record(z.enum(REMEDY_STATES), z.number().int())
      .meta({ description: 'Devices of the last approval, by state' }),
    cost: z
      .object({
        calls: z
          .number()
          .int()
          .min(0)
          .meta({ description: 'Questions, those answered from the cache included' }),
        cached_calls: z.number().int().min(0),
        input_tokens: z.number().int().min(0),
        output_tokens: z.number().int().min(0),
      })
      .meta({ description: 'Of all questions to providers that the incident took, of every analysis' }),
  })
  .meta({ id: 'IncidentDetail' });
export type IncidentDetail = z.infer<typeof incidentDetailSchema>;

export const incidentListQuery = pageQuery.extend({
  status: z.enum(INCIDENT_STATUSES).optional(),
  label: z.enum(FAILURE_CATEGORIES).optional(),
  platform: z.enum(PLATFORMS).optional(),
  package: text(255).optional(),
  open: flagSchema.optional(),
});
export type IncidentListQuery = z.infer<typeof incidentListQuery>;

export const incidentOccurrenceSchema = z
  .object({
    id: idSchema,
    task_id: idSchema,
    agent_id: idSchema,
    task_status: z.enum(['FAILED', 'TIMEOUT']),
    failed_at: instantSchema,
    error_message: z
      .string()
      .nullable()
      .meta({ description: 'As the device said it; null when the task was deleted' }),
  })
  .meta({ id: 'IncidentOccurrence' });
export type IncidentOccurrence = z.infer<typeof incidentOccurrenceSchema>;

export const incidentCallSchema = aiCallSchema
  .extend({ id: idSchema, analysis: z.number().int() })
  .meta({ id: 'IncidentCall' });
export type IncidentCall = z.infer<typeof incidentCallSchema>;

export const incidentRemedySchema = z
  .object({
    id: idSchema,
    agent_id: idSchema,
    canary: z.boolean(),
    state: z.enum(REMEDY_STATES),
    approved_at: instantSchema,
    failed_task_id: idSchema,
    task_id: idSchema.nullable(),
    verify_task_id: idSchema.nullable(),
    error: z.string().nullable(),
    began_at: instantSchema.nullable(),
    ended_at: instantSchema.nullable(),
  })
  .meta({ id: 'IncidentRemedy' });
export type IncidentRemedy = z.infer<typeof incidentRemedySchema>;

/** One step of the story, from the audit. */
export const incidentStepSchema = z
  .object({
    id: idSchema,
    at: instantSchema,
    actor_type: z.string(),
    actor_id: z.string(),
    action: z.string().meta({ example: 'incident.approve' }),
    before: z.record(z.string(), z.unknown()).nullable(),
    after: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'IncidentStep' });
export type IncidentStep = z.infer<typeof incidentStepSchema>;

const note = freeText(2_000).optional();

export const approveIncidentSchema = z
  .strictObject({
    suggestion_id: idSchema.optional().meta({ description: 'Default: the one that is preselected' }),
    retry_failed_tasks: z
      .boolean()
      .default(true)
      .meta({ description: 'After the script the failed task is done again, to see that it works now' }),
    note,
  })
  .meta({ id: 'ApproveIncident' });
export type ApproveIncident = z.infer<typeof approveIncidentSchema>;

export const editIncidentSchema = z
  .strictObject({
    interpreter: z.enum(INTERPRETERS),
    script: text(16_384),
    verification: freeText(4_096).default(''),
    explanation: freeText(2_000).default(''),
  })
  .meta({ id: 'EditIncident' });
export type EditIncident = z.infer<typeof editIncidentSchema>;

export const rejectIncidentSchema = z.strictObject({ reason: text(2_000) }).meta({ id: 'RejectIncident' });
export const stopIncidentSchema = z.strictObject({ reason: text(2_000) }).meta({ id: 'StopIncident' });
export const askIncidentSchema = z
  .strictObject({
    wish: text(1_000).optional().meta({ description: 'What the suggestion should do otherwise' }),
  })
  .meta({ id: 'AskIncident' });
