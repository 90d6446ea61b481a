import { cpus, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowBundle } from '@temporalio/worker';
import { note, type Progress, step } from '../cli/engines/progress.ts';
import { RESTARTABLE, type SimulationOutcome } from '../contracts/simulation/simulation.ts';
import { openDatabase } from '../db/database.ts';
import { openClient } from '../runtime/temporal.ts';
import { Cleanup } from './bench/cleanup.ts';
import { judge } from './checks/judge.ts';
import { enrolFleet } from './enrolment/enrol.ts';
import { Evidence } from './evidence/evidence.ts';
import { createFleet } from './fleet/create.ts';
import { profileOf } from './fleet/profile.ts';
import { Chance } from './fleet/random.ts';
import { BulkTaskDeployments } from './load/deployment.ts';
import { OperatorWatch } from './load/operator-watch.ts';
import { TaskLoad } from './load/task-load.ts';
import { Recorder } from './measure/recorder.ts';
import { Series } from './measure/series.ts';
import { statusLine } from './measure/status-line.ts';
import type { Watched } from './measure/usage.ts';
import type { SimulationOptions } from './options.ts';
import { planOf } from './plan.ts';
import { Operator } from './platform/operator.ts';
import { startSimulatedPlatform } from './platform/platform.ts';
import type { SimulationReport } from './report/report.ts';
import { Drill } from './scenarios/drill.ts';
import { registerScenarioAttribute, runScenario, simulationWorkflowId } from './scenarios/run-scenario.ts';
import { startScenarioWorker } from './scenarios/worker.ts';
import { HeartbeatWatch } from './watch.ts';

export interface SimulationSurroundings {
  /** Of the simulator's own workflows. */
  readonly bundle: WorkflowBundle;
  readonly dataDir: string;
  readonly progress: Progress;
  /** Between signs of life, milliseconds. */
  readonly tellEveryMs: number;
  readonly signal: AbortSignal;
  /** Called when the run is over, before the platform is stopped. */
  readonly beforeStop?: (report: SimulationReport) => Promise<void>;
}

const NAMESPACE = 'default';
/** Points of the plots, at most. */
const POINTS = 240;
const SHORTEST_STRETCH_MS = 1_000;
const SETTLE_MS = 90_000;

/** Runs a whole simulation: platform, fleet, scenario, end, checks. @throws what keeps it from running */
export async function runSimulation(
  options: SimulationOptions,
  surroundings: SimulationSurroundings,
): Promise<SimulationReport> {
  const releases = new Cleanup();
  try {
    return await run(options, surroundings, releases);
  } finally {
    await releases.run();
  }
}

async function run(
  options: SimulationOptions,
  { bundle, dataDir, progress, tellEveryMs, signal, beforeStop }: SimulationSurroundings,
  releases: Cleanup,
): Promise<SimulationReport> {
  const begunAt = new Date();
  const platform = await startSimulatedPlatform({ ...options, dataDir }, progress, signal);
  const { running } = platform;
  releases.add(() => step(progress, 'Stopping the platform', () => running.stop()));
  const operator = await Operator.of(running);
  releases.add(() => operator.close());
  const database = openDatabase({ url: running.databaseUrl, poolSize: 6, applicationName: 'simulator' });
  releases.add(() => database.close());
  const { client, connection } = openClient({
    connection: { address: running.endpoints.temporal_address },
    namespace: NAMESPACE,
  });
  releases.add(() => connection.close());
  const evidence = new Evidence(database.pool);
  const recorder = new Recorder();
  const lists = new Recorder();
  const chance = new Chance(options.seed);

  const profiles = Array.from({ length: options.agents }, (_, index) => profileOf(chance, options, index));
  const enrolling = performance.now();
  const enrolled = await step(progress, `Enrolling ${options.agents} agents`, (detail) =>
    enrolFleet(profiles, {
      platform: running,
      operator,
      pool: database.pool,
      chance,
      recorder,
      register: options.register,
      onProgress: (count) => detail(`${count}`),
    }),
  );
  const enrolSeconds = (performance.now() - enrolling) / 1_000;
  const fleet = createFleet({ options, platform, enrolled, chance, recorder });
  releases.add(() => fleet.context.transport.close());
  releases.add(() => fleet.context.wheel.stop());

  const deployments = new BulkTaskDeployments(operator, evidence);
  const drill = new Drill({ fleet, running, deployments });
  await registerScenarioAttribute(client, NAMESPACE);
  const worker = await startScenarioWorker({
    address: running.endpoints.temporal_address,
    namespace: NAMESPACE,
    bundle,
    steering: drill,
  });
  releases.add(() => worker.stop());

  const load = new TaskLoad({
    fleet,
    operator,
    recorder,
    tasksPerSecond: options.tasksPerSecond,
    overdue: () => evidence.overdueOutbox(),
    lookEveryMs: 5_000,
  });
  const lookEveryMs = Math.min(2_000, options.durationMs / 60);
  const watch = new OperatorWatch(operator, lists, lookEveryMs);
  const heartbeats = new HeartbeatWatch(fleet, evidence, chance);
  const series = new Series({
    recorder,
    operators: lists,
    watched: () => watchedProcesses((name) => running.pid(name)),
    look: async () => ({
      reachable: fleet.countReachable(),
      presence: await evidence.presence().catch(() => ({})),
      tasks: await evidence.taskStates().catch(() => ({})),
      task_rate: load.rate,
      lag_ms: Math.round(fleet.context.wheel.takeLatest()),
    }),
  });

  const plan = planOf(options, begunAt);
  note(
    progress,
    `watch it: ${running.endpoints.temporal_ui}/namespaces/${NAMESPACE}/workflows/${encodeURIComponent(simulationWorkflowId(plan.run_id))}`,
  );
  await series.start();
  fleet.start();
  const settled = fleet.context.wheel.after(plan.storm_ms + options.heartbeatMs, () => recorder.settle());
  releases.add(() => {
    settled.cancelled = true;
  });
  const stretchMs = Math.max(SHORTEST_STRETCH_MS, (options.durationMs + options.heartbeatMs) / POINTS);
  let status = '';
  let failure: unknown;
  const points = repeat(
    stretchMs,
    async () => {
      status = statusLine(await series.take(), fleet, load.rate);
      await heartbeats.look();
    },
    (error) => {
      failure ??= error;
    },
  );
  releases.add(() => points.stop());
  load.start();
  releases.add(() => load.stop());
  watch.start();
  releases.add(() => watch.stop());

  const runBegun = performance.now();
  const told = (text: () => string) => ({ text, everyMs: tellEveryMs });
  const outcome = await live(
    progress,
    `Scenario ${options.scenario}`,
    told(() => status),
    () => runScenario(client, plan, signal),
  );
  const runSeconds = (performance.now() - runBegun) / 1_000;

  await load.stop();
  drill.bringEverybodyBack(Math.min(plan.spread_ms, 30_000));
  const draining = performance.now();
  const drainUntil = draining + options.drainMs;
  await live(
    progress,
    'Open tasks come to their end',
    told(() => status),
    async () => {
      await untilTrue(async () => (await evidence.openTasks().catch(() => 1)) === 0, drainUntil, signal);
    },
  );
  const drainSeconds = (performance.now() - draining) / 1_000;
  fleet.finish();
  await step(progress, 'The last heartbeats are confirmed', () =>
    untilTrue(() => fleet.unconfirmed() === 0, performance.now() + SETTLE_MS, signal),
  );
  await watch.stop();
  await points.stop();
  await series.take();
  if (failure !== undefined) throw failure;

  const verdict = await step(progress, 'Checking', () =>
    judge({
      fleet,
      evidence,
      client,
      heartbeats,
      options,
      disruptions: drill.disruptions,
      created: load.created,
    }),
  );
  const endSeconds = (performance.now() - draining) / 1_000;
  const requests = Object.values(recorder.figures()).reduce((sum, { count }) => sum + count, 0);
  const byState = await evidence.taskStates();
  const ended = Object.values(byState).reduce((sum, count) => sum + count, 0);
  const report: SimulationReport = {
    kind: 'simulation',
    passed: verdict.checks.every((check) => check.passed),
    begun_at: begunAt.toISOString(),
    options,
    machine: thisMachine(),
    enrolment: {
      registered: options.register,
      prepared: options.agents - options.register,
      seconds: rounded(enrolSeconds),
    },
    checks: verdict.checks,
    scenario: outcome satisfies SimulationOutcome,
    seconds: { run: rounded(runSeconds), end: rounded(endSeconds) },
    endpoints: recorder.figures(),
    settled: recorder.settledFigures(),
    operators: lists.figures(),
    offline_edge_delay: verdict.edgeDelay,
    delivered: { ...fleet.context.tally },
    tasks: {
      created: load.created.length,
      by_state: byState,
      per_second: rounded(ended / (runSeconds + drainSeconds)),
      drain_seconds: rounded(drainSeconds),
    },
    deployments: deployments.figures(),
    processes: Object.fromEntries(
      Object.entries(series.totals()).map(([name, totals]) => [
        name,
        { ...totals, cpu_s_per_1000_requests: Math.round((totals.cpu_s / requests) * 1e6) / 1e3 },
      ]),
    ),
    series: series.points,
  };
  await beforeStop?.(report);
  return report;
}

function watchedProcesses(
  pidOf: (name: (typeof RESTARTABLE)[number]) => number | undefined,
): Map<string, Watched> {
  const watched = new Map<string, Watched>([['simulator', { pid: process.pid, alone: true }]]);
  for (const name of RESTARTABLE) {
    const pid = pidOf(name);
    if (pid !== undefined) watched.set(name, { pid });
  }
  return watched;
}

function thisMachine(): SimulationReport['machine'] {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memory_gb: Math.round(totalmem() / 1e9),
    node: process.version,
  };
}

/** A step whose sign of life is what `text` says at the time. */
function live<T>(
  progress: Progress,
  message: string,
  { text, everyMs }: { readonly text: () => string; readonly everyMs: number },
  work: () => Promise<T>,
): Promise<T> {
  return step(
    progress,
    message,
    async (detail) => {
      const timer = setInterval(() => detail(text()), Math.max(50, everyMs / 2));
      try {
        return await work();
      } finally {
        clearInterval(timer);
      }
    },
    everyMs,
  );
}

/** Does the work every so often, never twice at once. */
function repeat(
  everyMs: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  const ended = new AbortController();
  const loop = (async () => {
    for (;;) {
      const begun = performance.now();
      await delay(everyMs, undefined, { signal: ended.signal }).catch(() => undefined);
      if (ended.signal.aborted) return;
      await work().catch(onError);
      if (performance.now() - begun > 10 * everyMs + 60_000)
        onError(new Error('The simulator cannot keep up'));
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await loop;
    },
  };
}

/** Returns when it is true, or when the time is over: the checks say then what is wrong. */
async function untilTrue(
  holds: () => boolean | Promise<boolean>,
  until: number,
  signal: AbortSignal,
): Promise<void> {
  while (performance.now() < until) {
    if (await holds()) return;
    await delay(250, undefined, { signal });
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
