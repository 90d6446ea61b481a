import { parseArgs } from 'node:util';
import { UsageError } from '../options.ts';
import { toLine } from '../result.ts';
import { MEASURED } from './coefficients.ts';
import { capacityFor, type Fleet, USUAL } from './model.ts';

const SIZES = [100_000, 1_000_000, 10_000_000];
const OPTIONS = ['agents', ...Object.keys(USUAL)];

/** `npm run bench -- capacity [--agents N] [--tasks_a_day_and_agent N …]`: one line of JSON. */
export function printCapacity(args: readonly string[], out: (line: string) => void): number {
  const given = optionsOf(args);
  const { agents, ...rest } = given;
  const fleet: Omit<Fleet, 'agents'> = { ...USUAL, ...rest };
  const sizes = agents === undefined ? SIZES : [agents];
  out(
    toLine({
      name: 'capacity',
      fleet,
      sizes: sizes.map((size) => capacityFor({ ...fleet, agents: size }, MEASURED)),
    }),
  );
  return 0;
}

function optionsOf(args: readonly string[]): Partial<Fleet> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(OPTIONS.map((name) => [name, { type: 'string' as const }])),
      strict: true,
    });
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, positive(name, value)]));
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message}\nnpm run bench -- capacity: ${OPTIONS.map((name) => `[--${name} N]`).join(' ')}`,
    );
  }
}

function positive(name: string, value: unknown): number {
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`--${name} must be a number above 0`);
  return number;
}
