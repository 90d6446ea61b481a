import { z } from 'zod';
import { handedOverTaskSchema } from '../agent-task/task.ts';
import { freeText, text } from '../http/common.ts';
import { AGENT_STATUSES } from './agent.ts';
import { hardwareIdSchema } from './enrolment.ts';

/** Tasks handed over with one heartbeat. */
export const MAX_PENDING_TASKS = 10;

export const heartbeatRequestSchema = z
  .object({
    agent_version: text(64).optional(),
    status: z.enum(['ONLINE', 'DEGRADED']).optional(),
    last_error: freeText(2_000).nullish(),
    counters: z
      .record(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), z.number())
      .refine((counters) => Object.keys(counters).length <= 32, 'must not have more than 32 counters')
      .optional()
      .meta({
        maxProperties: 32,
        propertyNames: { pattern: '^[A-Za-z0-9._-]{1,64}$' },
        description: 'Small figures of the agent itself, for example how many results wait in its queue',
      }),
    instance_id: z
      .uuid()
      .optional()
      .meta({ description: 'Made anew by every start of the agent; tells clones apart' }),
    hardware_id: hardwareIdSchema.optional(),
  })
  .meta({ id: 'HeartbeatRequest' });
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

export const heartbeatResponseSchema = z
  .object({
    status: z.enum(AGENT_STATUSES),
    pending_tasks: z.array(handedOverTaskSchema).max(MAX_PENDING_TASKS),
    next_heartbeat_seconds: z.number().int().meta({ description: 'When the server wants to hear again' }),
  })
  .meta({ id: 'HeartbeatResponse' });
export type HeartbeatResponse = z.infer<typeof heartbeatResponseSchema>;
