import { z } from 'zod';
import { ERROR_CODES, ERRORS, type ErrorCode } from './errors.ts';

/** RFC 9457 problem details with EUCORA's stable `code`. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'URI that names the kind of problem', example: 'urn:eucora:problem:not-found' }),
    title: z.string(),
    status: z.number().int(),
    code: z.enum(ERROR_CODES).meta({ description: 'Stable code; see docs/errors' }),
    detail: z.string().meta({ description: 'What happened here and what to do' }),
    instance: z.string().optional().meta({ description: 'Path of the request' }),
    correlation_id: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'The values that were not accepted' }),
    task_status: z.string().optional().meta({ description: 'With task-state-conflict: the present state' }),
    incident_status: z
      .string()
      .optional()
      .meta({ description: 'With incident-state-conflict: the present state' }),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

export const problemType = (code: ErrorCode): string => `urn:eucora:problem:${code}`;
export const problemStatus = (code: ErrorCode): (typeof ERRORS)[ErrorCode]['status'] => ERRORS[code].status;
