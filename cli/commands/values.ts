import { InvalidArgumentError, Option } from 'commander';
import { CORRELATION_ID_PATTERN, idSchema, instantSchema } from '../../contracts/http/common.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400, w: 604_800 };

/** `90`, `90s`, `15m`, `24h`, `7d`, `2w`, in seconds. */
export function duration(value: string): number {
  const [, amount, unit] = /^(\d{1,9})(s|m|min|h|d|w)?$/.exec(value) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('Give a time span such as 90s, 15m, 24h or 7d.');
  return Number(amount) * (UNITS[unit ?? 's'] ?? 1);
}

/** An instant: ISO 8601 with zone, a date (UTC), or a span back from now such as `2h`. */
export const instant =
  (now: () => number) =>
  (value: string): string => {
    if (/^\d{1,9}(s|m|min|h|d|w)$/.test(value)) {
      return new Date(now() - duration(value) * 1_000).toISOString();
    }
    const written = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value;
    if (instantSchema.safeParse(written).success) return new Date(written).toISOString();
    throw new InvalidArgumentError(
      'Give a time as 2026-11-22T08:00:00Z, a date as 2026-11-22, or a span back as 2h.',
    );
  };

export function id(value: string): string {
  if (idSchema.safeParse(value).success) return value.toLowerCase();
  throw new InvalidArgumentError('Ids are UUIDs; the list commands show them.');
}

export function ids(value: string, before: string[] = []): string[] {
  return [...before, id(value)];
}

export function texts(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export const whole =
  (min: number, max: number) =>
  (value: string): number => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };

/** One of a list, in any case. */
export const oneOf =
  <T extends string>(values: readonly T[]) =>
  (value: string): T => {
    const found = values.find((known) => known.toLowerCase() === value.toLowerCase());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Give one of: ${values.join(', ')}.`);
  };

export const someOf =
  <T extends string>(values: readonly T[]) =>
  (value: string, before: readonly T[] = []): T[] => [
    ...before,
    ...value.split(',').map((part) => oneOf(values)(part.trim())),
  ];

export function correlationId(value: string): string {
  if (CORRELATION_ID_PATTERN.test(value)) return value;
  throw new InvalidArgumentError('Letters, digits and ._:- only, at most 128.');
}

/** `name=value`, or `name` for true; `true` and `false` become booleans. */
export function tag(value: string, before: Readonly<Record<string, string | boolean>> = {}) {
  const [, name, content] = /^([A-Za-z0-9._/-]{1,64})(?:=(.{0,256}))?$/s.exec(value) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Give tags as name=value, or name for true.');
  const known = content === undefined || content === 'true' ? true : content;
  return { ...before, [name]: known === 'false' ? false : known };
}

/** An option whose value a function checks. */
export function option<T>(
  flags: string,
  description: string,
  parse: (value: string, before: T) => T,
): Option {
  return new Option(flags, description).argParser(parse);
}
