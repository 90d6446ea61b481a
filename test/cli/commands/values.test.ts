import { messageOf, systemCodeOf } from '../../../cli/client/errors.ts';
import { duration, tag } from '../../../cli/commands/values.ts';
import { clean, toJson } from '../../../cli/output/clean.ts';
import { relative, span } from '../../../cli/output/time.ts';
import { NOW } from './support/samples.ts';

it.each([
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['15min', 900],
  ['24h', 86_400],
  ['2w', 1_209_600],
])('%s is %i seconds', (written, seconds) => {
  expect(duration(written)).toBe(seconds);
});

it.each([
  [-1, 'now'],
  [999, 'now'],
  [59_999, '59 s ago'],
  [3_600_000, '1 h ago'],
  [-172_800_000, 'in 2 d'],
])('%i ms back is %s', (distance, told) => {
  expect(relative(new Date(NOW - distance).toISOString(), NOW)).toBe(told);
});

it.each([
  [-5, '0 s'],
  [200_000, '3 min 20 s'],
  [3_720_000, '1 h 02 min'],
])('%i ms last %s', (milliseconds, told) => {
  expect(span(milliseconds)).toBe(told);
});

it('keeps the tags named before', () => {
  expect(tag('b=', { a: true })).toEqual({ a: true, b: '' });
});

it('finds the code of what caused an error', () => {
  expect(systemCodeOf(new Error('x', { cause: { code: 'EPIPE' } }))).toBe('EPIPE');
  expect(systemCodeOf({ code: 5 })).toBeUndefined();
  expect(systemCodeOf('x')).toBeUndefined();
  expect(messageOf(new Error(''))).toBe('Error');
});

it('prints nothing as null, and keeps line breaks where they are wanted', () => {
  expect(toJson(undefined)).toBe('null');
  expect(clean('a\r\nb\tc\rd')).toBe('a\nb\tc\\u000dd');
});
