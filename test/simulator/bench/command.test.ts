import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, defineBench } from '../../../simulator/bench/bench.ts';
import { Cleanup } from '../../../simulator/bench/cleanup.ts';
import { runBench } from '../../../simulator/bench/command.ts';
import { cpuDuring, residentBytesOf } from '../../../simulator/bench/measure/cpu.ts';
import { encoded, newHistogram, percentile, record } from '../../../simulator/bench/measure/latency.ts';
import { oneRound, toMeasurement } from '../../../simulator/bench/measure/measurement.ts';
import { inTurns, median } from '../../../simulator/bench/measure/rounds.ts';
import { startChild } from '../../../simulator/bench/parts/child.ts';
import { profileInto } from '../../../simulator/bench/parts/profile.ts';
import { BENCHES } from '../../../simulator/bench/registry.ts';
import { benchResultSchema } from '../../../simulator/bench/result.ts';
import { removeScratch, scratch } from '../../cli/support/scratch.ts';

afterEach(removeScratch);

const FIGURES = {
  rate: 1_234.5678,
  floor_rate: 2_000,
  ratio: 0.6172839,
  cpu_s_per_1000: { api: 0.05, postgres: 0.02 },
  p50_ms: 1,
  p99_ms: 2,
};

const sample = (run: Bench['run'] = async () => FIGURES) =>
  defineBench({
    name: 'sample',
    summary: 'what it is for',
    options: {
      agents: { default: 5, help: 'how many' },
      what: { default: 'all', help: 'of what' },
      deep: { default: false, help: 'how deep' },
    },
    run: (values, context) => run(values, context),
  });

async function bench(args: readonly string[], one: Bench = sample(), signal = new AbortController().signal) {
  const out: string[] = [];
  const said: string[] = [];
  const status = await runBench({
    args,
    benches: { sample: async () => one },
    out: (line) => out.push(line),
    say: (line) => said.push(line),
    progress: () => undefined,
    signal,
  });
  return { status, out, said: said.join('\n') };
}

describe('npm run bench', () => {
  it('prints one line of JSON with figures, options and the machine', async () => {
    const { status, out } = await bench(['sample', '--agents', '7', '--deep']);
    expect(status).toBe(0);
    expect(out).toHaveLength(1);
    expect(out[0]).not.toContain('\n');
    const result = benchResultSchema.parse(JSON.parse(out[0] ?? ''));
    expect(result).toMatchObject({
      name: 'sample',
      rate: 1235,
      ratio: 0.6173,
      options: { agents: 7, what: 'all', deep: true },
      machine: { node: process.version, cores: expect.any(Number) },
    });
  });

  it('tells the benches there are when it is asked for none, or for one that there is not', async () => {
    for (const args of [[], ['nonsense'], ['toString']]) {
      const { status, out, said } = await bench(args);
      expect([status, out]).toEqual([2, []]);
      expect(said).toContain('what it is for');
      expect(said).toContain('compare');
    }
  });

  it.each([['--agents', 'many'], ['--agents', ''], ['--agents', '-1'], ['--colour'], ['more']])(
    'refuses what it does not understand: %s %s',
    async (...args) => {
      const { status, said } = await bench(['sample', ...args]);
      expect(status).toBe(2);
      expect(said).toContain('agents');
    },
  );

  it('tells the benches there are to who asks for help', async () => {
    const { status, out, said } = await bench(['--help']);
    expect([status, out]).toEqual([0, []]);
    expect(said).toMatch(/^npm run bench[\s\S]+what it is for[\s\S]+capacity/);
  });

  it('tells the options of a bench', async () => {
    const { status, said } = await bench(['sample', '--help']);
    expect(status).toBe(0);
    expect(said).toMatch(/--agents +how many \(default 5\)/);
  });

  it('fails when a bench fails, after it has cleaned up, last first', async () => {
    const undone: string[] = [];
    const failing = sample(async (_values, { cleanup }) => {
      cleanup.add(() => undone.push('first'));
      cleanup.add(() => undone.push('second'));
      throw new Error('no luck');
    });
    const { status, out, said } = await bench(['sample'], failing);
    expect([status, out, undone]).toEqual([1, [], ['second', 'first']]);
    expect(said).toContain('no luck');
  });

  it('cleans up and ends when it is stopped, whatever the bench waits for', async () => {
    const stop = new AbortController();
    const undone: string[] = [];
    const endless = sample(async (_values, { cleanup }) => {
      cleanup.add(() => undone.push('engine'));
      setImmediate(() => stop.abort(new Error('stopped by SIGINT')));
      return new Promise<never>(() => undefined);
    });
    const { status, out, said } = await bench(['sample'], endless, stop.signal);
    expect([status, out, undone, said]).toEqual([1, [], ['engine'], 'stopped by SIGINT']);
    expect((await bench(['sample'], endless, stop.signal)).status).toBe(1);
  });

  it('knows its benches by their names', async () => {
    for (const [name, load] of Object.entries(BENCHES)) expect((await load()).name).toBe(name);
  });
});

describe('npm run bench -- compare', () => {
  const result = (change: object) => ({
    name: 'sample',
    options: {},
    machine: { cores: 2, cpu: 'x', memory_gib: 4, platform: 'x', node: 'v20', date: '2026-01-01' },
    ...FIGURES,
    mtls: { ...FIGURES },
    ...change,
  });
  const compare = async (a: object | string, b: object | string, ...more: string[]) => {
    const folder = await scratch();
    const paths = [join(folder, 'a.json'), join(folder, 'b.json')] as const;
    const text = (value: object | string) => (typeof value === 'string' ? value : JSON.stringify(value));
    await writeFile(paths[0], `> eucora@0.1.0 bench\n\n${text(a)}\n`);
    await writeFile(paths[1], text(b));
    const { status, out, said } = await bench(['compare', ...paths, ...more]);
    return { status, said, verdict: out[0] === undefined ? undefined : JSON.parse(out[0]) };
  };

  it('says that nothing got slower', async () => {
    const { status, verdict, said } = await compare(result({}), result({ ratio: 0.6, rate: 1 }));
    expect(status).toBe(0);
    expect(verdict).toMatchObject({ bench: 'sample', slower: [], faster: [] });
    expect(said).toContain('Nothing got slower');
  });

  it('names what got slower by ratio or by CPU, at any depth, and fails', async () => {
    const dear = { api: 0.08, postgres: 0.02 };
    const { status, verdict } = await compare(
      result({}),
      result({ ratio: 0.5, mtls: { ...FIGURES, cpu_s_per_1000: dear } }),
    );
    expect(status).toBe(1);
    expect(verdict.slower).toEqual(['ratio', 'mtls.cpu_s_per_1000', 'mtls.cpu_s_per_1000.api']);
  });

  it('names what got faster, and knows figures that were nothing before', async () => {
    const free = { api: 0, postgres: 0.02 };
    const better = await compare(result({}), result({ ratio: 0.9 }));
    expect(better.verdict.faster).toEqual(['ratio']);
    const worse = await compare(result({ cpu_s_per_1000: free }), result({}));
    expect(worse.verdict.slower).toContain('cpu_s_per_1000.api');
    const same = await compare(result({ cpu_s_per_1000: free }), result({ cpu_s_per_1000: free }));
    expect(same.verdict.slower).toEqual([]);
  });

  it('takes another threshold', async () => {
    expect((await compare(result({}), result({ ratio: 0.5 }), '--threshold', '0.5')).status).toBe(0);
    expect((await compare(result({}), result({ ratio: 0.5 }), '--threshold', 'x')).status).toBe(2);
  });

  it('refuses files that are none, hold no result or are of different benches', async () => {
    expect((await bench(['compare', 'one.json'])).status).toBe(2);
    expect((await bench(['compare', '/nonexistent/a', '/nonexistent/b'])).said).toContain('cannot be read');
    expect((await compare(result({}), 'nonsense')).said).toContain('does not end with the result');
    expect((await compare(result({}), result({ name: 'other' }))).said).toContain('cannot be compared');
  });
});

describe('Measuring', () => {
  it('takes sides in turns', async () => {
    const order: string[] = [];
    const side = (name: string) => async (round: number) => {
      order.push(`${name}${round}`);
      return round;
    };
    const given = await inTurns(2, { ours: side('ours'), floor: side('floor') });
    expect(order).toEqual(['ours1', 'floor1', 'ours2', 'floor2']);
    expect(given).toEqual({ ours: [1, 2], floor: [1, 2] });
  });

  it('takes medians', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });

  it('reads CPU and memory of processes', async () => {
    const { result, seconds } = await cpuDuring({ own: process.pid }, async () => {
      const until = performance.now() + 200;
      while (performance.now() < until);
      return 'done';
    });
    expect(result).toBe('done');
    expect(seconds.own).toBeGreaterThan(0);
    expect(await residentBytesOf(process.pid)).toBeGreaterThan(10 * 2 ** 20);
  });

  it('relates rounds of ours to those of the floor', async () => {
    const histogram = newHistogram();
    for (let ms = 1; ms <= 100; ms += 1) record(histogram, ms);
    const report = (requests: number) => ({
      requests,
      seconds: 2,
      statuses: { 200: requests },
      latencies: encoded(histogram),
      own_cpu_s: 1,
    });
    const round = (requests: number, api: number) => ({ report: report(requests), seconds: { api } });
    const figures = toMeasurement({
      ours: [round(1_000, 1), round(3_000, 1), round(2_000, 1)],
      floor: [round(2_000, 0.5), round(4_000, 0.5), round(2_000, 0.5)],
    });
    expect(figures).toMatchObject({
      rate: 1_000,
      floor_rate: 1_000,
      ratio: 0.75,
      cpu_s_per_1000: { api: 0.5 },
    });
    expect(figures.p50_ms).toBeCloseTo(50, 0);
    expect(percentile(histogram, 99)).toBeCloseTo(99, 0);
    await expect(oneRound({}, 201, async () => report(5))).rejects.toThrow(
      'Answers other than 201: {"200":5}',
    );
  });

  it('gives a process what makes it write a profile, only when asked', async () => {
    expect(profileInto('')).toEqual({});
    const folder = join(await scratch(), 'profiles');
    expect(profileInto(folder)).toMatchObject({ EUCORA_BENCH_PROFILE: folder });
  });
});

describe('Processes of a bench', () => {
  it('answer commands one by one, tell their errors, and end with the bench', async () => {
    const cleanup = new Cleanup();
    const child = startChild<object, unknown>({ cleanup }, 'bench/load/main.js');
    await expect(child.ask({ run: {} })).rejects.toThrow('There is no fleet yet');
    await expect(child.ask({ assemble: { dataDir: '/nonexistent', agentIds: [] } })).rejects.toThrow(
      'run the setup first',
    );
    await cleanup.run();
    await expect(child.ask({ run: {} })).rejects.toThrow();
  });

  it('that do not start are told', async () => {
    const cleanup = new Cleanup();
    const child = startChild<object, unknown>({ cleanup }, 'bench/nowhere.js');
    await expect(child.ask({})).rejects.toThrow('ended');
    await cleanup.run();
  });

  it('are all cleaned up, also when one cannot be', async () => {
    const cleanup = new Cleanup();
    const undone: number[] = [];
    cleanup.add(() => undone.push(1));
    cleanup.add(() => Promise.reject(new Error('stuck')));
    await expect(cleanup.run()).rejects.toThrow('cleaned up');
    expect(undone).toEqual([1]);
  });
});
