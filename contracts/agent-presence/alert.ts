import { z } from 'zod';
import { flagSchema, idSchema, instantSchema, pageQuery } from '../http/common.ts';

/** A `critical` agent went OFFLINE; resolved when it is heard again. */
export const alertSchema = z
  .object({
    id: idSchema,
    kind: z.enum(['agent_offline']),
    agent_id: idSchema,
    hostname: z.string(),
    opened_at: instantSchema,
    resolved_at: instantSchema.nullable(),
    delivery: z
      .enum(['pending', 'delivered', 'failed', 'disabled'])
      .meta({ description: 'disabled: no webhook is configured' }),
    delivery_attempts: z.number().int(),
    delivery_error: z.string().nullable(),
    delivered_at: instantSchema.nullable(),
  })
  .meta({ id: 'Alert' });
export type Alert = z.infer<typeof alertSchema>;

export const alertListQuery = pageQuery.extend({
  agent_id: idSchema.optional(),
  open: flagSchema.optional(),
});
export type AlertListQuery = z.infer<typeof alertListQuery>;
