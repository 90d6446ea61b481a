import { deployments } from '../../../simulator/bench/deployments/bench.ts';
import { UsageError } from '../../../simulator/bench/options.ts';
import { runTiny } from './support.ts';

it('deployments: small ones and a large one come to their end, each with its evidence, beside bulk tasks', async () => {
  const figures = await runTiny(deployments, { agents: 130, intents: 4, devices: 2, 'at-once': 2, work: 5 });
  expect(figures.ratio).toBeCloseTo(figures.rate / figures.floor_rate, 5);
  expect(Object.keys(figures.cpu_s_per_1000)).toEqual(['api', 'worker', 'packaging', 'postgres', 'temporal']);
  expect(figures['workflow_runs']).toBe(1);
  expect(figures['quiet_seconds']).toBeGreaterThanOrEqual(figures['seconds'] as number);
  const intents = figures['intents'] as Record<string, number>;
  expect(intents).toMatchObject({ count: 4, devices: 2, p50_ms: figures.p50_ms, p99_ms: figures.p99_ms });
  expect(intents['p99_ms']).toBeGreaterThan(0);
  expect(intents['ordered_per_second']).toBeGreaterThan(0);
}, 300_000);

it('deployments: what cannot be is refused before anything starts', async () => {
  await expect(runTiny(deployments, { intents: 0 })).rejects.toThrow(UsageError);
  await expect(runTiny(deployments, { agents: 3, devices: 4 })).rejects.toThrow(UsageError);
});
