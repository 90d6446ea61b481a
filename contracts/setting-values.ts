import { z } from 'zod';

/** Kinds of values that settings have. */
export const port = z.coerce.number().int().min(0).max(65_535);
export const seconds = z.coerce.number().int().min(1);
export const percent = z.coerce.number().min(0).max(100);
export const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
/** An empty variable counts as unset, as in compose files. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());
