import { z } from 'zod';

/** The word of a caller on what a request belongs to; letters, digits and `._:-`, at most 128. */
export const CORRELATION_ID_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;
export const CORRELATION_ID_HEADER = 'X-Correlation-ID';

export const idSchema = z.uuid().meta({ example: '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01' });
export const instantSchema = z.iso
  .datetime({ offset: true, abort: true })
  .refine(isStorableInstant, 'must lie in the years 1 to 9999')
  .overwrite((instant) => (isStorableInstant(instant) ? new Date(instant).toISOString() : instant))
  .meta({
    description: 'ISO 8601, kept in UTC and to the millisecond',
    example: '2026-11-22T08:00:00.000Z',
  });
export const correlationIdSchema = z.string().regex(CORRELATION_ID_PATTERN);

/** Postgres takes neither the year 0 nor offsets beyond 16 hours: instants reach it in UTC. */
function isStorableInstant(instant: string): boolean {
  const time = Date.parse(instant);
  return time >= Date.parse('0001-01-01T00:00:00Z') && time < Date.UTC(10_000, 0);
}

/** A percentage, to a thousandth: Postgres' real refuses numbers that are too small for it. */
export const percentSchema = z
  .number()
  .min(0)
  .max(100)
  .overwrite((percent) => Math.round(percent * 1_000) / 1_000);

/** A switch in a query. */
export const flagSchema = z
  .stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], case: 'sensitive' })
  .meta({
    enum: ['true', 'false', '1', '0'],
  });

/** What text must be for Postgres to keep it, or to be asked for it; every text of a request goes through here. */
export const storable = (string: z.ZodString) =>
  string
    .regex(/^[^\u0000]*$/, 'must not contain NUL characters')
    .refine((value) => value.isWellFormed(), 'must not contain lone surrogates');

/** An object that may have more than is known of it, all of which Postgres can keep. */
export const openObject = <T extends z.ZodRawShape>(shape: T) =>
  z.looseObject(shape).refine((value) => isStorableJson(value), { error: UNSTORABLE_JSON, abort: true });
const UNSTORABLE_JSON = 'must not contain NUL characters or lone surrogates, nor be nested deeper than 32';

/** Text as people or machines write it, 1 to `max` characters. */
export const text = (max: number) => storable(z.string().min(1).max(max));
/** Like {@link text}, but may be empty. */
export const freeText = (max: number) => storable(z.string().max(max));

/** Agents by a tag of theirs. */
export const tagFilterSchema = storable(z.string().regex(/^[A-Za-z0-9._/-]{1,64}(=[^\u0000]{0,256})?$/));

/** A JSON object of free form, checked for what Postgres' jsonb cannot keep (NUL, lone surrogates). */
export const jsonObject = (maxBytes: number) =>
  z
    .record(z.string(), z.unknown())
    // What is nested too deep is not looked at any further: that would take more stack than there is.
    .refine((value) => isStorableJson(value), {
      error: UNSTORABLE_JSON,
      abort: true,
    })
    .refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= maxBytes,
      `must not be larger than ${maxBytes} bytes as JSON`,
    );

function isStorableJson(value: unknown, depth = 0): boolean {
  if (depth > 32) return false;
  if (typeof value === 'string') return !value.includes('\u0000') && value.isWellFormed();
  if (Array.isArray(value)) return value.every((item) => isStorableJson(item, depth + 1));
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).every(
      ([key, item]) => isStorableJson(key) && isStorableJson(item, depth + 1),
    );
  }
  return true;
}

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 500;

/** The query part that every list takes; what a list does not know is refused, not ignored. */
export const pageQuery = z.strictObject({
  cursor: z.string().min(1).max(512).optional().meta({ description: 'next_cursor of the page before' }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE),
});

/** One page of a list; it may hold fewer items than asked for, or none, and still name the next one. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().meta({
      description: 'Null on the last page, and only there: a page may be short, or empty, before it',
    }),
  });

export type Page<T> = { items: T[]; next_cursor: string | null };
