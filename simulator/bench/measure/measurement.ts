import type { LoadReport } from '../load/tally.ts';
import type { Measurement } from '../result.ts';
import { cpuDuring } from './cpu.ts';
import { merged, percentile } from './latency.ts';
import { median } from './rounds.ts';

/** What one side did in one round, and what it cost each of its processes in CPU-seconds. */
export interface Round {
  readonly report: LoadReport;
  readonly seconds: Readonly<Record<string, number>>;
}

/**
 * Puts load on one side.
 *
 * @param pids the processes whose CPU counts, by name
 * @param expected the status that every answer must have
 * @throws Error when another came
 */
export async function oneRound(
  pids: Readonly<Record<string, number>>,
  expected: number,
  load: () => Promise<LoadReport>,
): Promise<Round> {
  const { result: report, seconds } = await cpuDuring(pids, load);
  const failed = Object.entries(report.statuses).filter(([status]) => Number(status) !== expected);
  if (failed.length > 0)
    throw new Error(`Answers other than ${expected}: ${JSON.stringify(Object.fromEntries(failed))}`);
  return { report, seconds };
}

/** Medians over rounds that were taken in turns. */
export function toMeasurement({ ours, floor }: Record<'ours' | 'floor', Round[]>): Measurement {
  const rateOf = ({ report }: Round): number => report.requests / report.seconds;
  const latencies = merged(ours.map(({ report }) => report.latencies));
  const floorLatencies = merged(floor.map(({ report }) => report.latencies));
  return {
    rate: median(ours.map(rateOf)),
    floor_rate: median(floor.map(rateOf)),
    ratio: median(ours.map((round, index) => rateOf(round) / rateOf(floor[index] as Round))),
    cpu_s_per_1000: cpuPer1000(ours),
    p50_ms: percentile(latencies, 50),
    p99_ms: percentile(latencies, 99),
    floor_cpu_s_per_1000: cpuPer1000(floor),
    floor_p50_ms: percentile(floorLatencies, 50),
    floor_p99_ms: percentile(floorLatencies, 99),
    load_cpu_s_per_1000: median(ours.map(({ report }) => (report.own_cpu_s / report.requests) * 1_000)),
  };
}

function cpuPer1000(rounds: readonly Round[]): Record<string, number> {
  const names = Object.keys(rounds[0]?.seconds ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      median(rounds.map(({ seconds, report }) => ((seconds[name] ?? 0) / report.requests) * 1_000)),
    ]),
  );
}
