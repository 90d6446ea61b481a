import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../../cli/demo/trivy-database.ts';
import { ensurePackagingTools } from '../../../cli/engines/packaging-tools.ts';
import { step, warn } from '../../../cli/engines/progress.ts';
import type { RunningPlatform } from '../../../cli/platform/start.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { cpuDuring } from '../measure/cpu.ts';
import { newHistogram, percentile, record } from '../measure/latency.ts';
import { inTurns, median } from '../measure/rounds.ts';
import { startBenchPlatform } from '../parts/platform.ts';
import { scratchFolder } from '../parts/scratch.ts';
import { type BareRun, runBare } from './bare-tools.ts';
import { PipelineDriver, type PipelineRun } from './driver.ts';
import { type Format, formatsOf, makeSource } from './inputs.ts';
import { ToolRecorder } from './recording.ts';

const AT_ONCE = [2, 4];

/** Whole pipelines, from the request to PASSED, against the tools that they call, run alone one after the other. */
export const pipeline = defineBench({
  name: 'pipeline',
  summary: 'packaging pipelines, against the bare tools that they call, one after the other',
  options: {
    formats: { default: 'deb', help: 'deb, rpm, msi, pkg, separated by commas' },
    rounds: { default: 7, help: 'pipelines of each format, and as often the bare tools' },
    mib: { default: 8, help: 'mebibytes in the source' },
    waves: { default: 2, help: 'how often as many pipelines as are at once run side by side' },
  },
  async run(options, context) {
    const formats = formatsOf(options.formats);
    const bench = await PipelineBench.open(context, options.mib);
    const calls = new Map<Format, Awaited<ReturnType<ToolRecorder['calls']>>>();
    for (const format of formats) calls.set(format, await bench.learn(format));
    for (const format of formats) await bench.ours(format);
    const rounds = new Map<Format, Rounds>();
    for (const format of formats) {
      const taken = await step(context.progress, `${options.rounds} rounds of ${format}`, () =>
        inTurns<'ours' | 'floor', Ours | BareRun>(options.rounds, {
          ours: () => bench.ours(format),
          floor: () => runBare(calls.get(format) ?? [], context.signal),
        }),
      );
      rounds.set(format, taken as unknown as Rounds);
    }
    const perMinute: Record<string, number> = {};
    for (const count of AT_ONCE)
      perMinute[count] = await step(context.progress, `${count} at once`, () =>
        bench.perMinute(formats, count, options.waves),
      );
    return {
      ...summary([...rounds.values()]),
      pipelines_per_minute: perMinute,
      formats: Object.fromEntries(
        [...rounds].map(([format, taken]) => [format, { ...summary([taken]), ...details(taken) }]),
      ),
    };
  },
});

interface Ours {
  readonly run: PipelineRun;
  readonly cpu: Readonly<Record<string, number>>;
}
interface Rounds {
  readonly ours: readonly Ours[];
  readonly floor: readonly BareRun[];
}

class PipelineBench {
  readonly #context: BenchContext;
  readonly #platform: RunningPlatform;
  readonly #driver: PipelineDriver;
  readonly #recorder: ToolRecorder;

  private constructor(
    context: BenchContext,
    platform: RunningPlatform,
    driver: PipelineDriver,
    recorder: ToolRecorder,
  ) {
    this.#context = context;
    this.#platform = platform;
    this.#driver = driver;
    this.#recorder = recorder;
  }

  static async open(context: BenchContext, mebibytes: number): Promise<PipelineBench> {
    const { progress, cleanup, signal } = context;
    const { path, missing } = await ensurePackagingTools(progress, { signal });
    for (const what of missing) warn(progress, what);
    const folder = await scratchFolder(cleanup);
    // A short path: GnuPG's socket lies in the workspace.
    const packaging = join(folder, 'p');
    await mkdir(packaging, { mode: 0o700 });
    await writeTrivyDatabase(join(packaging, 'trivy'), KNOWN_ADVISORIES, new Date());
    const recorder = await ToolRecorder.open(folder, path, process.env['PATH'] ?? '');
    const platform = await startBenchPlatform(context, folder, {
      env: {
        EUCORA_PACKAGING_DIR: packaging,
        EUCORA_PACKAGING_PATH: [recorder.path, ...path].join(','),
        EUCORA_REQUESTS_PER_MINUTE: '1000000000',
        EUCORA_LOG_LEVEL: 'warn',
      },
    });
    const token = (await readFile(platform.endpoints.admin_token_file, 'utf8')).trim();
    const driver = new PipelineDriver(platform.endpoints.operator_api, token, signal);
    cleanup.add(() => driver.close());
    await driver.upload(await makeSource(folder, mebibytes));
    return new PipelineBench(context, platform, driver, recorder);
  }

  /** How a pipeline calls its tools. */
  learn(format: Format): Promise<Awaited<ReturnType<ToolRecorder['calls']>>> {
    return step(this.#context.progress, `Learning what a ${format} takes`, async () => {
      await this.#recorder.record(format);
      await this.#driver.pipeline(format);
      await this.#recorder.end();
      return this.#recorder.calls(format);
    });
  }

  async ours(format: Format): Promise<Ours> {
    const { result: run, seconds: cpu } = await cpuDuring(this.#pids(), () => this.#driver.pipeline(format));
    return { run, cpu };
  }

  /** Pipelines a minute while `count` of them are under way. */
  async perMinute(formats: readonly Format[], count: number, waves: number): Promise<number> {
    let next = 0;
    const slot = async (): Promise<void> => {
      while (next < count * waves) {
        const format = formats[next % formats.length] ?? 'deb';
        next += 1;
        await this.#driver.pipeline(format);
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: count }, slot));
    return (count * waves * 60_000) / (performance.now() - begun);
  }

  #pids(): Record<'api' | 'worker' | 'packaging' | 'postgres' | 'temporal', number> {
    const pid = (name: Parameters<RunningPlatform['pid']>[0]): number => this.#platform.pid(name) ?? 0;
    return {
      api: pid('api'),
      worker: pid('worker'),
      packaging: pid('packaging'),
      postgres: pid('postgres'),
      temporal: pid('temporal'),
    };
  }
}

/** One measurement of the rounds of one format, or of several, each of which counts alike. */
function summary(formats: readonly Rounds[]) {
  const ours = formats.map((taken) => median(taken.ours.map(({ run }) => run.ms)));
  const floor = formats.map((taken) => median(taken.floor.map(({ ms }) => ms)));
  const latencies = newHistogram();
  for (const { run } of formats.flatMap((taken) => taken.ours)) record(latencies, run.ms);
  const names = Object.keys(formats[0]?.ours[0]?.cpu ?? {});
  const all = formats.flatMap((taken) => taken.ours);
  return {
    rate: 1_000 / mean(ours),
    floor_rate: 1_000 / mean(floor),
    ratio: mean(
      formats.map((taken) =>
        median(taken.ours.map(({ run }, round) => (taken.floor[round]?.ms ?? Number.NaN) / run.ms)),
      ),
    ),
    cpu_s_per_1000: Object.fromEntries(
      names.map((name) => [name, mean(all.map(({ cpu }) => cpu[name] ?? 0)) * 1_000]),
    ),
    floor_cpu_s_per_1000: {
      tools: mean(formats.flatMap((taken) => taken.floor).map(({ cpuSeconds }) => cpuSeconds)) * 1_000,
    },
    p50_ms: percentile(latencies, 50),
    p99_ms: percentile(latencies, 99),
    floor_p50_ms: mean(floor),
  };
}

/** Medians of each step, and what lies between the steps. */
function details({ ours, floor }: Rounds) {
  const steps = new Map<string, number[]>();
  for (const { run } of ours)
    for (const { step: name, duration_ms } of run.details.steps)
      steps.set(name, [...(steps.get(name) ?? []), duration_ms ?? Number.NaN]);
  const tools = Object.keys(floor[0]?.byTool ?? {});
  return {
    steps_ms: Object.fromEntries([...steps].map(([name, values]) => [name, median(values)])),
    before_first_step_ms: median(ours.map(({ run }) => waited(run))),
    floor_tools_ms: Object.fromEntries(
      tools.map((name) => [name, median(floor.map(({ byTool }) => byTool[name] ?? 0))]),
    ),
  };
}

/** From the pipeline's creation until its first step began. */
function waited({ details: { created_at, steps } }: PipelineRun): number {
  const first = Math.min(...steps.map(({ started_at }) => Date.parse(started_at)));
  return first - Date.parse(created_at);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
