import { encoded, newHistogram, record } from '../measure/latency.ts';
import type { LoadReport } from './drive.ts';

export type { LoadReport } from './drive.ts';

/** Repeats something, so many at once, for a while; counts and times it. `once` gives a status to count by. */
export async function inParallel(
  atOnce: number,
  seconds: number,
  once: (lane: number) => Promise<number>,
): Promise<LoadReport> {
  const histogram = newHistogram();
  const statuses: Record<number, number> = {};
  const cpu = process.cpuUsage();
  const began = performance.now();
  let requests = 0;
  const lane = async (index: number): Promise<void> => {
    for (let startedAt = began; startedAt < began + seconds * 1_000; startedAt = performance.now()) {
      const status = await once(index);
      requests += 1;
      statuses[status] = (statuses[status] ?? 0) + 1;
      record(histogram, performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, index) => lane(index)));
  const { user, system } = process.cpuUsage(cpu);
  return {
    requests,
    seconds: (performance.now() - began) / 1_000,
    statuses,
    latencies: encoded(histogram),
    own_cpu_s: (user + system) / 1e6,
  };
}
