import { z } from 'zod';
import { agentSelectionSchema } from '../agent/agent.ts';
import {
  correlationIdSchema,
  flagSchema,
  freeText,
  idSchema,
  instantSchema,
  jsonObject,
  pageQuery,
  percentSchema,
  text,
} from '../http/common.ts';
import { payloadSchema, refusePayloadThatCannotWork } from './payload.ts';
import { TASK_STATUSES, TASK_TYPES } from './states.ts';

export const DEFAULT_TASK_TIMEOUT_SECONDS = 3_600;
export const DEFAULT_MAX_RETRIES = 3;
export const MAX_BULK_TASKS = 10_000;

export const taskSchema = z
  .object({
    id: idSchema,
    agent_id: idSchema,
    task_type: z.enum(TASK_TYPES),
    status: z.enum(TASK_STATUSES),
    payload: z.record(z.string(), z.unknown()),
    timeout_seconds: z.number().int(),
    retry_count: z.number().int(),
    max_retries: z.number().int(),
    progress_percent: z.number().nullable(),
    progress_message: z.string().nullable(),
    assigned_at: instantSchema.nullable(),
    started_at: instantSchema.nullable(),
    completed_at: instantSchema.nullable(),
    result: z.record(z.string(), z.unknown()).nullable(),
    error_message: z.string().nullable(),
    correlation_id: z.string(),
    created_by: z.string(),
    created_at: instantSchema,
    retry_of: idSchema.nullable(),
    workflow_id: z.string().meta({ description: 'Workflow in Temporal that drives the task' }),
  })
  .meta({ id: 'Task' });
export type Task = z.infer<typeof taskSchema>;

/** The part of a task that its agent needs. */
export const handedOverTaskSchema = taskSchema
  .pick({
    id: true,
    task_type: true,
    status: true,
    payload: true,
    timeout_seconds: true,
    correlation_id: true,
    created_at: true,
  })
  .meta({ id: 'HandedOverTask' });
export type HandedOverTask = z.infer<typeof handedOverTaskSchema>;

const taskRequestFields = {
  task_type: z.enum(TASK_TYPES),
  payload: payloadSchema.default({}),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(2_592_000)
    .default(DEFAULT_TASK_TIMEOUT_SECONDS)
    .meta({ description: 'From the agent’s start to TIMEOUT' }),
  max_retries: z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(DEFAULT_MAX_RETRIES)
    .meta({ description: 'Lost hand-overs that are tolerated' }),
};

export const createTaskSchema = z
  .strictObject({ agent_id: idSchema, ...taskRequestFields })
  .superRefine(refusePayloadThatCannotWork)
  .meta({ id: 'CreateTask' });
export type CreateTask = z.infer<typeof createTaskSchema>;

export const createTasksSchema = z
  .strictObject({
    selection: agentSelectionSchema
      .extend({ agent_ids: z.array(idSchema).min(1).max(MAX_BULK_TASKS).optional() })
      .refine(
        (selection) => Object.values(selection).some((value) => value !== undefined),
        'must name at least one filter',
      )
      .meta({ minProperties: 1, description: 'Agents that fit all filters given' }),
    max_agents: z.number().int().min(1).max(MAX_BULK_TASKS).optional().meta({
      description: 'If more agents fit by then, none gets a task: a fleet moves while somebody writes',
    }),
    ...taskRequestFields,
  })
  .superRefine(refusePayloadThatCannotWork)
  .meta({ id: 'CreateTasks' });
export type CreateTasks = z.infer<typeof createTasksSchema>;

export const createdTasksSchema = z
  .object({ count: z.number().int(), correlation_id: correlationIdSchema })
  .meta({ id: 'CreatedTasks', description: 'The tasks are listed by their correlation id' });

export const taskListQuery = pageQuery.extend({
  agent_id: idSchema.optional(),
  status: z.enum(TASK_STATUSES).optional(),
  task_type: z.enum(TASK_TYPES).optional(),
  correlation_id: correlationIdSchema.optional(),
  created_after: instantSchema.optional(),
  created_before: instantSchema.optional(),
});
export type TaskListQuery = z.infer<typeof taskListQuery>;

/** `GET /agents/{id}/tasks`: what an agent may ask of its own tasks. */
export const agentTasksQuery = z.object({
  status: z.enum(TASK_STATUSES).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
});

export const startRequestSchema = z.object({}).meta({ id: 'TaskStart' });
export const progressRequestSchema = z
  .object({ percent: percentSchema.nullish(), message: freeText(2_000).nullish() })
  .meta({ id: 'TaskProgress' });
export const completeRequestSchema = z
  .object({ result: jsonObject(1_048_576).default({}) })
  .meta({ id: 'TaskCompletion' });
export const failRequestSchema = z
  .object({ error_message: text(16_384), result: jsonObject(1_048_576).nullish() })
  .meta({ id: 'TaskFailure' });

/** What an agent is told of a task after its word was taken. */
export const taskStateSchema = taskSchema
  .pick({ id: true, status: true, assigned_at: true, started_at: true, completed_at: true })
  .meta({ id: 'TaskState' });
export type TaskState = z.infer<typeof taskStateSchema>;

export const offlineQueueItemSchema = z
  .object({
    id: idSchema,
    agent_id: idSchema,
    task_id: idSchema,
    queued_at: instantSchema,
    delivered_at: instantSchema.nullable(),
    retry_count: z.number().int(),
    max_retries: z.number().int(),
  })
  .meta({ id: 'OfflineQueueItem' });
export type OfflineQueueItem = z.infer<typeof offlineQueueItemSchema>;

export const offlineQueueQuery = pageQuery.extend({
  agent_id: idSchema.optional(),
  delivered: flagSchema.optional(),
});
export type OfflineQueueQuery = z.infer<typeof offlineQueueQuery>;
