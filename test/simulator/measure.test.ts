import { Latencies } from '../../simulator/measure/latency.ts';
import { Recorder } from '../../simulator/measure/recorder.ts';
import { Series } from '../../simulator/measure/series.ts';
import { listed, parsePs, parseStat, usageOf } from '../../simulator/measure/usage.ts';

describe('Latencies', () => {
  it('give percentiles to three digits, and nothing of nothing', () => {
    const latencies = new Latencies();
    expect(latencies.figures()).toEqual({ count: 0, mean_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0, max_ms: 0 });
    for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms);
    const figures = latencies.figures();
    expect(figures.count).toBe(1_000);
    expect(figures.p50_ms).toBeCloseTo(500, -1);
    expect(figures.p99_ms).toBeCloseTo(990, -1);
    expect(figures.max_ms).toBeCloseTo(1_000, -1);
    latencies.reset();
    expect(latencies.count).toBe(0);
  });
});

describe('The recorder', () => {
  it('keeps stretches, the whole, and what came after the fleet had settled apart', () => {
    const recorder = new Recorder();
    recorder.succeeded('heartbeat', 100, '200');
    recorder.failed('heartbeat', '503');
    expect(recorder.takeStretch()['heartbeat']).toMatchObject({ count: 1, errors: 1 });
    recorder.settle();
    recorder.succeeded('heartbeat', 10, '200');
    expect(recorder.recentP99('heartbeat')).toBeCloseTo(100, 0);
    expect(recorder.recentP99('telemetry')).toBe(0);
    expect(recorder.takeStretch()['heartbeat']).toMatchObject({ count: 1, errors: 0 });
    expect(recorder.recentP99('heartbeat')).toBeCloseTo(10, 0);
    expect(recorder.figures()['heartbeat']).toMatchObject({
      count: 2,
      errors: 1,
      outcomes: { '200': 2, '503': 1 },
    });
    expect(recorder.settledFigures()['heartbeat']).toMatchObject({ count: 1 });
  });
});

describe('Usage of processes', () => {
  it('counts fields of /proc behind a command with blanks and brackets', () => {
    const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
    expect(parseStat(7, `7 (a) b (c)) ${fields.join(' ')}`)).toEqual({
      pid: 7,
      parent: 4,
      cpuSeconds: 0.29,
      endedCpuSeconds: 0.33,
      residentBytes: 24 * 4_096,
    });
  });

  it('reads times of ps with and without hours and days', () => {
    expect(parsePs(['7', '1', '02:03', '4'])).toEqual({
      pid: 7,
      parent: 1,
      cpuSeconds: 123,
      endedCpuSeconds: 0,
      residentBytes: 4_096,
    });
    expect(parsePs(['7', '1', '1-01:00:01', '4']).cpuSeconds).toBe(90_001);
  });

  it('finds this process, alone or with its children, and nobody under a pid that is not there', async () => {
    const usage = await usageOf(
      new Map([
        ['self', { pid: process.pid, alone: true }],
        ['parent', { pid: process.ppid }],
        ['nobody', { pid: 2 ** 22 + 1 }],
      ]),
    );
    expect(usage.get('self')?.cpuSeconds).toBeGreaterThan(0);
    expect(usage.get('self')?.residentBytes).toBeGreaterThan(10e6);
    expect(usage.get('parent')?.residentBytes).toBeGreaterThan(0);
    expect(usage.has('nobody')).toBe(false);
  });

  it('is found by ps as well', async () => {
    const source = await listed();
    const self = await source.facts(process.pid);
    expect(self?.parent).toBe(process.ppid);
    expect(await source.children(process.ppid)).toContain(process.pid);
    expect(self === undefined ? 0 : await source.memory([self])).toBeGreaterThan(10e6);
    expect(await source.facts(2 ** 22 + 1)).toBeUndefined();
  });
});

it('a series counts the CPU of a process that was started anew from nothing', async () => {
  const look = async () => ({ reachable: 1, presence: {}, tasks: {}, task_rate: 0, lag_ms: 0 });
  let pid = process.ppid;
  const series = new Series({
    recorder: new Recorder(),
    operators: new Recorder(),
    watched: () => new Map([['one', { pid, alone: true }]]),
    look,
  });
  await series.start();
  pid = process.pid;
  await series.take();
  expect(series.points).toHaveLength(1);
  expect(series.totals()['one']?.cpu_s).toBeGreaterThanOrEqual(0);
  expect(series.totals()['one']?.peak_mb).toBeGreaterThan(10);
});
