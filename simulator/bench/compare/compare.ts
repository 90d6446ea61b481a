import { measurementSchema } from '../result.ts';

/** One figure of two results. `change` is B over A; `worse` says whether it is beyond the threshold. */
export interface Difference {
  readonly figure: string;
  readonly a: number;
  readonly b: number;
  readonly change: number;
  readonly verdict: 'slower' | 'faster' | 'same';
}

/**
 * Compares two results of one bench by what depends least on the machine's mood: ratios to the floor of the same run,
 * and CPU per operation.
 *
 * @param threshold share by which a figure may be worse, for example 0.1
 */
export function compare(a: unknown, b: unknown, threshold: number): Difference[] {
  return differencesOf(figuresOf(a), figuresOf(b), threshold);
}

/** The figures that both have, compared. */
export function differencesOf(
  a: ReadonlyMap<string, Figure>,
  b: ReadonlyMap<string, Figure>,
  threshold: number,
): Difference[] {
  return [...b].flatMap(([figure, to]) => {
    const from = a.get(figure);
    return from === undefined ? [] : [differenceOf(figure, from, to, threshold)];
  });
}

export interface Figure {
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

function differenceOf(figure: string, from: Figure, to: Figure, threshold: number): Difference {
  const change = from.value === 0 ? (to.value === 0 ? 1 : Number.MAX_VALUE) : to.value / from.value;
  const better = to.better === 'higher' ? change : 1 / Math.max(change, Number.MIN_VALUE);
  const verdict = better < 1 / (1 + threshold) ? 'slower' : better > 1 + threshold ? 'faster' : 'same';
  return { figure, a: from.value, b: to.value, change, verdict };
}

/** All figures worth comparing, by path: those of measurements, wherever they are in the result. */
function figuresOf(value: unknown, path = ''): Map<string, Figure> {
  const found = new Map<string, Figure>();
  if (typeof value !== 'object' || value === null) return found;
  const measurement = measurementSchema.safeParse(value);
  if (measurement.success) {
    const { ratio, cpu_s_per_1000 } = measurement.data;
    found.set(`${path}ratio`, { value: ratio, better: 'higher' });
    const cpu = Object.values(cpu_s_per_1000).reduce((sum, seconds) => sum + seconds, 0);
    found.set(`${path}cpu_s_per_1000`, { value: cpu, better: 'lower' });
    for (const [name, seconds] of Object.entries(cpu_s_per_1000))
      found.set(`${path}cpu_s_per_1000.${name}`, { value: seconds, better: 'lower' });
  }
  for (const [key, inner] of Object.entries(value))
    for (const [name, figure] of figuresOf(inner, `${path}${key}.`)) found.set(name, figure);
  return found;
}
