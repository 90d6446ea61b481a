import { z } from 'zod';
import { flagSchema } from '../http/common.ts';
import { sha256Schema } from './artifact.ts';

export const storeUsageSchema = z
  .object({
    objects: z.number().int(),
    bytes: z.number().int(),
    quota_bytes: z.number().int().nullable(),
    removable_objects: z
      .number()
      .int()
      .meta({ description: 'Older than the retention and needed by nothing' }),
    removable_bytes: z.number().int(),
  })
  .meta({ id: 'StoreUsage' });
export type StoreUsage = z.infer<typeof storeUsageSchema>;

export const storeCleaningQuery = z.strictObject({ dry_run: flagSchema.default(false) });

export const storeCleaningSchema = z
  .object({
    dry_run: z.boolean(),
    objects: z.number().int(),
    bytes: z.number().int(),
    removed: z.array(sha256Schema),
    more: z.boolean().meta({ description: 'There is more to remove: ask again' }),
  })
  .meta({ id: 'StoreCleaning' });
export type StoreCleaning = z.infer<typeof storeCleaningSchema>;
