import { z } from 'zod';

/** The header with which a creation may be sent again. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .optional()
    .meta({
      description: 'Sending the same request with the same key again answers what was made the first time',
    }),
});
