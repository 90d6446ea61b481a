import type { Bench, OptionValue } from '../../../simulator/bench/bench.ts';
import { Cleanup } from '../../../simulator/bench/cleanup.ts';
import { type BenchFigures, measurementSchema } from '../../../simulator/bench/result.ts';
import { quietProgress } from '../../harness/engines.ts';

/** Runs a bench with the defaults of its options, but for those given, and cleans up. */
export async function runTiny(
  bench: Bench,
  options: Readonly<Record<string, OptionValue>>,
): Promise<BenchFigures> {
  const defaults = Object.fromEntries(
    Object.entries(bench.options).map(([name, option]) => [name, option.default]),
  );
  const cleanup = new Cleanup();
  try {
    const figures = await bench.run(
      { ...defaults, ...options },
      { progress: quietProgress, cleanup, signal: new AbortController().signal },
    );
    return measurementSchema.parse(figures);
  } finally {
    await cleanup.run();
  }
}
