import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { tellDifferences } from '../bench/compare/command.ts';
import { differencesOf, type Figure } from '../bench/compare/compare.ts';

const latencySchema = z.looseObject({ p50_ms: z.number(), p99_ms: z.number() });

/** What of a report is compared. */
const comparableSchema = z.looseObject({
  kind: z.literal('simulation'),
  settled: z.record(z.string(), latencySchema),
  operators: z.record(z.string(), latencySchema),
  offline_edge_delay: latencySchema,
  tasks: z.looseObject({ per_second: z.number() }),
  processes: z.record(
    z.string(),
    z.looseObject({ cpu_s_per_1000_requests: z.number(), peak_mb: z.number() }),
  ),
});
type Comparable = z.infer<typeof comparableSchema>;

/** A file that is no report of a simulation; the message says which. */
export class NoReportError extends Error {
  override readonly name = 'NoReportError';
}

/**
 * Says what got slower from one report to another.
 *
 * @param threshold share by which a figure may be worse, for example 0.1
 * @returns the figures that got slower
 * @throws NoReportError
 */
export async function compareReports(
  paths: readonly [string, string],
  threshold: number,
  say: (line: string) => void,
): Promise<string[]> {
  const [a, b] = [await read(paths[0]), await read(paths[1])];
  return tellDifferences(differencesOf(figuresOf(a), figuresOf(b), threshold), say).slower;
}

function figuresOf(report: Comparable): Map<string, Figure> {
  const figures = new Map<string, Figure>();
  const lower = (name: string, value: number) => figures.set(name, { value, better: 'lower' });
  for (const [name, { p50_ms, p99_ms }] of [
    ...Object.entries(report.settled),
    ...Object.entries(report.operators),
  ]) {
    lower(`${name} p50, ms`, p50_ms);
    lower(`${name} p99, ms`, p99_ms);
  }
  lower('offline edge p99, ms', report.offline_edge_delay.p99_ms);
  figures.set('tasks a second', { value: report.tasks.per_second, better: 'higher' });
  for (const [name, { cpu_s_per_1000_requests, peak_mb }] of Object.entries(report.processes)) {
    lower(`${name}, CPU-seconds per 1,000 requests`, cpu_s_per_1000_requests);
    lower(`${name}, memory at most, MB`, peak_mb);
  }
  return figures;
}

async function read(path: string): Promise<Comparable> {
  try {
    return comparableSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new NoReportError(`${path} is no report.json of a simulation`, { cause: error });
  }
}
