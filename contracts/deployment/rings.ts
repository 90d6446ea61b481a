import { z } from 'zod';
import { percentSchema, tagFilterSchema, text } from '../http/common.ts';
import { FAILURE_KINDS } from './states.ts';

/** What a rollout is made of: rings with their sizes, gates and times, and the windows in which devices may change. */

export const MAX_RINGS = 20;
const seconds = z.number().int().min(0).max(31_536_000);
const positivePercent = z.number().gt(0).max(100);

/**
 * Exactly one way of choosing. A device belongs to the first ring that takes it; `count`, `percent` and `rest` take of
 * what the rings before have left, in an order that follows from the seed.
 */
export const ringSizeSchema = z
  .union(
    [
      z.strictObject({ count: z.number().int().min(1).max(1_000_000) }),
      z.strictObject({ percent: positivePercent.meta({ description: 'Of all devices of the deployment' }) }),
      z.strictObject({
        tag: tagFilterSchema.meta({ description: '`name` or `name=value`', example: 'ring=canary' }),
      }),
      z.strictObject({
        sample_percent: positivePercent.meta({
          description:
            'Every device whose hash falls into this share: the same devices each time, however many others come',
        }),
      }),
      z.strictObject({ rest: z.literal(true) }),
    ],
    'must be one of: count (a whole number of devices, 1 or more), percent or sample_percent (above 0, to 100), tag (name or name=value), rest (true)',
  )
  .meta({ id: 'RingSize' });
export type RingSize = z.infer<typeof ringSizeSchema>;

/** Share or number of a ring's devices; reached, it stops the rollout. */
const limitSchema = z
  .union([
    z.strictObject({ percent: percentSchema }),
    z.strictObject({ count: z.number().int().min(0).max(1_000_000) }),
  ])
  .meta({ description: 'More failed devices than this stop the rollout' });
export type FailureLimit = z.infer<typeof limitSchema>;

export const gatesSchema = z
  .strictObject({
    success_percent: percentSchema
      .default(95)
      .meta({ description: 'Of the devices that have an outcome; less does not let the next ring begin' }),
    reach_percent: percentSchema
      .default(95)
      .meta({ description: 'Of the ring’s devices must have an outcome before the soak begins' }),
    max_failures: limitSchema
      .default({ percent: 10 })
      .meta({ description: 'Failed and sick devices together' }),
    max_failures_by_kind: z
      .partialRecord(z.enum([...FAILURE_KINDS, 'sick']), limitSchema)
      .default({})
      .meta({
        description: 'Stricter limits for single kinds, for example no device with a wrong signature',
      }),
    judge_after: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1)
      .meta({ description: 'Limits by percent hold once so many devices have an outcome' }),
    health: z
      .strictObject({
        offline_is_sick: z.boolean().default(true),
        degraded_is_sick: z.boolean().default(true),
        max_cpu_increase: percentSchema
          .default(25)
          .meta({ description: 'Percentage points over the hour before' }),
        max_memory_increase: percentSchema.default(25),
        min_samples: z.number().int().min(1).max(100).default(1),
      })
      .prefault({}),
  })
  .meta({ id: 'RingGates' });
export type Gates = z.infer<typeof gatesSchema>;

export const ringSchema = z
  .strictObject({
    name: text(64).regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/),
    size: ringSizeSchema,
    soak_seconds: seconds.default(3_600),
    starts_after_seconds: seconds
      .default(0)
      .meta({ description: 'Not before so long after the base date, whatever the ring before says' }),
    deadline_after_seconds: seconds
      .optional()
      .meta({ description: 'After the base date: then the ring is judged by those that were reached' }),
    gates: gatesSchema.prefault({}),
  })
  .refine(
    ({ starts_after_seconds, deadline_after_seconds }) =>
      deadline_after_seconds === undefined || deadline_after_seconds > starts_after_seconds,
    { path: ['deadline_after_seconds'], message: 'must be later than starts_after_seconds' },
  )
  .meta({ id: 'Ring' });
export type Ring = z.infer<typeof ringSchema>;

export const ringsSchema = z
  .array(ringSchema)
  .min(1)
  .max(MAX_RINGS)
  .superRefine((rings, context) => {
    const names = new Set<string>();
    for (const [index, ring] of rings.entries()) {
      if (names.has(ring.name))
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: 'is the name of another ring, too',
        });
      names.add(ring.name);
      if ('rest' in ring.size && index < rings.length - 1)
        context.addIssue({ code: 'custom', path: [index, 'size'], message: 'rest is for the last ring' });
    }
  });

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 22:00');
export const MIN_WINDOW_MINUTES = 30;

export const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** In the device's own time; `to` before `from` lasts until the next day, and counts for the day it begins on. */
export const windowSchema = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(7)
      .default([...WEEKDAYS]),
    from: clock,
    to: clock,
  })
  .refine(({ from, to }) => (minutesOf(to) - minutesOf(from) + 1_440) % 1_440 >= MIN_WINDOW_MINUTES, {
    path: ['to'],
    message: `must be at least ${MIN_WINDOW_MINUTES} minutes after from`,
  })
  .meta({ id: 'MaintenanceWindow' });
export type MaintenanceWindow = z.infer<typeof windowSchema>;

export const timeZoneSchema = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be a time zone such as Europe/Zurich')
  .meta({ example: 'Europe/Zurich' });

export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
