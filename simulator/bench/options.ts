import { parseArgs } from 'node:util';
import type { Bench, BenchOption, OptionValue } from './bench.ts';

/** The command line is not understood; the message says what is. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Options of a bench from its command line. @throws UsageError */
export function parseOptions(bench: Bench, args: readonly string[]): Record<string, OptionValue> {
  const wanted = Object.fromEntries(
    Object.entries(bench.options).map(([name, option]) => [
      name,
      { type: typeof option.default === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  let given: Record<string, unknown>;
  try {
    given = parseArgs({ args: [...args], options: wanted, strict: true, allowNegative: true }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${usageOf(bench)}`);
  }
  return Object.fromEntries(
    Object.entries(bench.options).map(([name, option]) => [name, readValue(name, option, given[name])]),
  );
}

function readValue(name: string, option: BenchOption, given: unknown): OptionValue {
  if (given === undefined) return option.default;
  if (typeof option.default !== 'number') return given as string | boolean;
  const value = Number(given);
  if (given === '' || !Number.isFinite(value) || value < 0)
    throw new UsageError(`--${name} must be a number, not ${String(given)}`);
  return value;
}

/** How to call a bench. */
export function usageOf(bench: Bench): string {
  const lines = Object.entries(bench.options).map(
    ([name, option]) => `  --${name.padEnd(14)} ${option.help} (default ${String(option.default)})`,
  );
  return [`npm run bench -- ${bench.name} [options]: ${bench.summary}`, ...lines].join('\n');
}
