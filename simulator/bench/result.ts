import { cpus, totalmem } from 'node:os';
import { z } from 'zod';

/** What one comparison of ours with its floor found. Rates in operations a second, latencies are ours. */
export const measurementSchema = z.looseObject({
  rate: z.number(),
  floor_rate: z.number(),
  /** Ours over the floor, from the same run: higher is better. */
  ratio: z.number(),
  /** CPU-seconds per 1,000 operations, by process. */
  cpu_s_per_1000: z.record(z.string(), z.number()),
  p50_ms: z.number(),
  p99_ms: z.number(),
});
export type Measurement = z.infer<typeof measurementSchema>;

export const machineSchema = z.object({
  cores: z.number(),
  cpu: z.string(),
  memory_gib: z.number(),
  platform: z.string(),
  node: z.string(),
  date: z.string(),
});
export type Machine = z.infer<typeof machineSchema>;

/** What a bench prints: its main measurement, and by name whatever else it measured. */
export const benchResultSchema = measurementSchema.extend({
  name: z.string(),
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  machine: machineSchema,
});
export type BenchResult = z.infer<typeof benchResultSchema>;

/** What a bench returns: without what the framework adds. */
export type BenchFigures = Measurement;

/** The machine a result was taken on. */
export function thisMachine(): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    date: new Date().toISOString(),
  };
}

/** Numbers as they are worth telling: four significant digits. */
export function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}

/** One compact line; numbers rounded, whatever depth they are at. */
export function toLine(result: object): string {
  return JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? rounded(value) : value,
  );
}
