import { consolePages } from '../../../simulator/bench/console/bench.ts';
import { lists } from '../../../simulator/bench/lists/bench.ts';
import { UsageError } from '../../../simulator/bench/options.ts';
import { presence } from '../../../simulator/bench/presence/bench.ts';
import { tasks } from '../../../simulator/bench/tasks/bench.ts';
import { runTiny } from './support.ts';

it('lists: every list answers, pages go on, and a small fleet has all that a large one has', async () => {
  const figures = await runTiny(lists, { agents: 3_000, tasks: 12_000, requests: 4 });
  expect(figures.ratio).toBeCloseTo(figures.rate / figures.floor_rate, 5);
  expect(Object.keys(figures.cpu_s_per_1000)).toEqual(['api', 'postgres']);
  const byList = figures['lists'] as Record<string, { p99_ms: number }>;
  expect(Object.keys(byList)).toEqual(
    expect.arrayContaining(['fleet/summary', 'agents', 'tasks?status=PENDING', 'alerts?open=true']),
  );
  for (const { p99_ms } of Object.values(byList)) expect(p99_ms).toBeGreaterThan(0);
}, 300_000);

it('console: every page answers, beside a bare one of its size', async () => {
  const figures = await runTiny(consolePages, { agents: 3_000, tasks: 12_000, requests: 3 });
  expect(Object.keys(figures.cpu_s_per_1000)).toEqual(['api', 'postgres']);
  const pages = Object.entries(figures['pages'] as Record<string, { p95_ms: number; floor_p50_ms: number }>);
  expect(pages.length).toBeGreaterThan(15);
  for (const [name, { p95_ms, floor_p50_ms }] of pages)
    expect([name, p95_ms > 0, floor_p50_ms > 0]).toEqual([name, true, true]);
  const { plain, compressed } = figures['first_page_bytes'] as { plain: number; compressed: number };
  expect(plain).toBeLessThan(100_000);
  expect(compressed).toBeLessThan(plain);
}, 300_000);

it('presence: all that fell silent are OFFLINE, none before it was due', async () => {
  const figures = await runTiny(presence, { agents: 1_000, spread: 1, lead: 2, looks: 2 });
  for (const [name, agents] of [
    ['one_in_a_thousand', 1],
    ['all_silent', 1_000],
    ['due_in_one_moment', 1_000],
  ] as const) {
    const lateness = figures[name] as { agents: number; p50_ms: number; max_ms: number };
    expect([name, lateness.agents]).toEqual([name, agents]);
    expect(lateness.p50_ms).toBeGreaterThanOrEqual(0);
    expect(lateness.max_ms).toBeGreaterThanOrEqual(lateness.p50_ms);
  }
  expect(figures['quiet_minute_core_percent']).toBeGreaterThanOrEqual(0);
}, 300_000);

it('tasks: whole lives are counted with what their workflows were told, and so are bare ones', async () => {
  const figures = await runTiny(tasks, { tasks: 20, concurrency: 5, work: 20 });
  expect(figures.rate).toBeGreaterThan(0);
  expect(figures.floor_rate).toBeGreaterThan(0);
  expect(figures['workflow_tasks']).toBeGreaterThanOrEqual(1);
  expect(figures['messages']).toBeLessThanOrEqual(3);
  expect(Object.keys(figures.cpu_s_per_1000)).toEqual(['api', 'worker', 'postgres', 'temporal']);
  await expect(runTiny(tasks, { engine: 'none' })).rejects.toThrow(UsageError);
}, 300_000);
