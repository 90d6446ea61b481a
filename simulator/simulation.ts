import type { WorkflowBundle } from '@temporalio/worker';
import { note, type Progress, step } from '../cli/engines/progress.ts';
import {
  RESTARTABLE,
  type SimulationOutcome,
  type SimulationPlan,
} from '../contracts/simulation/simulation.ts';
import { Cleanup } from './bench/cleanup.ts';
import { judge } from './checks/judge.ts';
import { enrolFleet } from './enrolment/enrol.ts';
import { createFleet } from './fleet/create.ts';
import type { Fleet } from './fleet/fleet.ts';
import { profileOf } from './fleet/profile.ts';
import { Chance } from './fleet/random.ts';
import { IntentDeployments } from './load/deployment.ts';
import { OperatorWatch } from './load/operator-watch.ts';
import { Orders } from './load/orders.ts';
import { TaskLoad } from './load/task-load.ts';
import { Recorder } from './measure/recorder.ts';
import { Series } from './measure/series.ts';
import { statusLine } from './measure/status-line.ts';
import type { Watched } from './measure/usage.ts';
import type { SimulationOptions } from './options.ts';
import { preparePackages } from './packages/prepare.ts';
import { planOf } from './plan.ts';
import { NAMESPACE, openSession, type Session } from './platform/session.ts';
import { buildReport } from './report/build.ts';
import type { SimulationReport } from './report/report.ts';
import { Drill } from './scenarios/drill.ts';
import { registerScenarioAttribute, runScenario, simulationWorkflowId } from './scenarios/run-scenario.ts';
import { startScenarioWorker } from './scenarios/worker.ts';
import { live, repeat, untilTrue } from './timing.ts';
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

/** Points of the plots, at most. */
const POINTS = 150;
const SHORTEST_STRETCH_MS = 1_000;
/** For the last heartbeats to be confirmed. */
const SETTLE_MS = 90_000;
const LOOK_AT_RATE_MS = 5_000;

/** Runs a whole simulation: platform, fleet, scenario, end, checks. @throws what keeps it from running */
export async function runSimulation(
  options: SimulationOptions,
  surroundings: SimulationSurroundings,
): Promise<SimulationReport> {
  const cleanup = new Cleanup();
  try {
    const { dataDir, progress, signal, beforeStop } = surroundings;
    const session = await openSession({ ...options, dataDir }, progress, signal, cleanup);
    const report = await new Simulation(options, surroundings, session, cleanup).run();
    await beforeStop?.(report);
    return report;
  } finally {
    await cleanup.run();
  }
}

/** One run on a platform that is up. */
class Simulation {
  readonly #options: SimulationOptions;
  readonly #surroundings: SimulationSurroundings;
  readonly #session: Session;
  readonly #cleanup: Cleanup;
  readonly #begunAt = new Date();
  readonly #chance: Chance;
  readonly #recorder = new Recorder();
  readonly #lists = new Recorder();
  #status = '';

  constructor(
    options: SimulationOptions,
    surroundings: SimulationSurroundings,
    session: Session,
    cleanup: Cleanup,
  ) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#session = session;
    this.#cleanup = cleanup;
    this.#chance = new Chance(options.seed);
  }

  async run(): Promise<SimulationReport> {
    const { evidence, client, platform } = this.#session;
    const { fleet, seconds: enrolSeconds } = await this.#enrol();
    const deployments = await this.#deployments(fleet);
    const drill = new Drill({ fleet, running: platform.running, deployments });
    const load = this.#taskLoad(fleet);
    const heartbeats = new HeartbeatWatch(fleet, evidence, this.#chance);
    const series = this.#series(fleet, load);
    const plan = planOf(this.#options, this.#begunAt);
    await this.#startScenarioWorker(drill);

    await series.start();
    this.#startFleet(fleet, plan);
    const stopWatching = this.#watch(fleet, series, heartbeats, load);
    load.start();
    this.#cleanup.add(() => load.stop());
    const runBegun = performance.now();
    const outcome = await this.#play(plan);
    const runSeconds = (performance.now() - runBegun) / 1_000;

    await load.stop();
    const endBegun = performance.now();
    const drainSeconds = await this.#drain(fleet, drill, plan);
    await stopWatching();
    await series.take();
    const deployed = await deployments.figures();
    const verdict = await step(this.#surroundings.progress, 'Checking', () =>
      judge({
        ...{ fleet, evidence, client, heartbeats, options: this.#options },
        disruptions: drill.disruptions,
        created: load.created,
        deployments: deployed,
      }),
    );
    return buildReport({
      options: this.#options,
      begunAt: this.#begunAt,
      ...{ enrolSeconds, runSeconds, drainSeconds, verdict, outcome, series },
      endSeconds: (performance.now() - endBegun) / 1_000,
      recorder: this.#recorder,
      lists: this.#lists,
      tally: fleet.context.tally,
      created: load.created.length,
      byState: await evidence.taskStates(),
      deployments: deployed,
    });
  }

  async #enrol(): Promise<{ fleet: Fleet; seconds: number }> {
    const { platform, operator, pool } = this.#session;
    const { agents, register } = this.#options;
    const [chance, recorder] = [this.#chance, this.#recorder];
    const profiles = Array.from({ length: agents }, (_, index) => profileOf(chance, this.#options, index));
    const begun = performance.now();
    const enrolled = await step(this.#surroundings.progress, `Enrolling ${agents} agents`, (detail) =>
      enrolFleet(profiles, {
        ...{ platform: platform.running, operator, pool, chance, recorder, register },
        onProgress: (count) => detail(String(count)),
      }),
    );
    const seconds = (performance.now() - begun) / 1_000;
    return { fleet: createFleet({ options: this.#options, platform, enrolled, chance, recorder }), seconds };
  }

  async #deployments(fleet: Fleet): Promise<IntentDeployments> {
    const { database, evidence, operator, platform } = this.#session;
    return new IntentDeployments({
      orders: await Orders.by(operator),
      evidence,
      prepare: (packages) => preparePackages(database, platform.running.dataDir, packages),
      packageFailures: fleet.context.habits.packageFailures,
    });
  }

  #taskLoad(fleet: Fleet): TaskLoad {
    const { operator, evidence } = this.#session;
    return new TaskLoad({
      fleet,
      operator,
      recorder: this.#recorder,
      tasksPerSecond: this.#options.tasksPerSecond,
      overdue: () => evidence.overdueOutbox(),
      lookEveryMs: LOOK_AT_RATE_MS,
    });
  }

  #series(fleet: Fleet, load: TaskLoad): Series {
    const { evidence, platform } = this.#session;
    return new Series({
      recorder: this.#recorder,
      operators: this.#lists,
      watched: () => watchedProcesses((name) => platform.running.pid(name)),
      look: async () => ({
        reachable: fleet.countReachable(),
        // Nothing is known while the database is down.
        presence: await evidence.presence().catch(() => ({})),
        tasks: await evidence.taskStates().catch(() => ({})),
        task_rate: load.rate,
        lag_ms: Math.round(fleet.context.wheel.takeLatest()),
      }),
    });
  }

  async #startScenarioWorker(drill: Drill): Promise<void> {
    const { client, platform } = this.#session;
    await registerScenarioAttribute(client, NAMESPACE);
    const worker = await startScenarioWorker({
      address: platform.running.endpoints.temporal_address,
      namespace: NAMESPACE,
      bundle: this.#surroundings.bundle,
      steering: drill,
    });
    this.#cleanup.add(() => worker.stop());
  }

  #startFleet(fleet: Fleet, plan: SimulationPlan): void {
    const { wheel, transport } = fleet.context;
    fleet.start();
    this.#cleanup.add(() => transport.close());
    this.#cleanup.add(() => wheel.stop());
    // Everybody has said a first heartbeat by then.
    const wakeMs = plan.scenario === 'morning-storm' ? plan.storm_ms : plan.spread_ms;
    wheel.after(wakeMs * 1.05, () => this.#recorder.settle());
  }

  /** Points of the plots, samples of heartbeats, operators at their lists. @returns what ends it */
  #watch(fleet: Fleet, series: Series, heartbeats: HeartbeatWatch, load: TaskLoad): () => Promise<void> {
    const { durationMs, heartbeatMs } = this.#options;
    const stretchMs = Math.max(SHORTEST_STRETCH_MS, (durationMs + heartbeatMs) / POINTS);
    const points = repeat(stretchMs, async () => {
      this.#status = statusLine(await series.take(), fleet, load.rate);
      await heartbeats.look();
    });
    const lists = new OperatorWatch(this.#session.operator, this.#lists, Math.min(2_000, durationMs / 60));
    lists.start();
    const stop = async (): Promise<void> => {
      await lists.stop();
      await points.stop();
    };
    this.#cleanup.add(stop);
    return stop;
  }

  #play(plan: SimulationPlan): Promise<SimulationOutcome> {
    const { client, platform } = this.#session;
    const { progress, signal } = this.#surroundings;
    const id = encodeURIComponent(simulationWorkflowId(plan.run_id));
    const { temporal_ui } = platform.running.endpoints;
    note(progress, `watch it: ${temporal_ui}/namespaces/${NAMESPACE}/workflows/${id}`);
    return this.#live(`Scenario ${plan.scenario}`, () => runScenario(client, plan, signal));
  }

  /** Everybody comes back, open tasks end, and the last heartbeats are confirmed. @returns seconds until tasks had ended */
  async #drain(fleet: Fleet, drill: Drill, plan: SimulationPlan): Promise<number> {
    const { progress, signal } = this.#surroundings;
    const { evidence } = this.#session;
    const begun = performance.now();
    drill.bringEverybodyBack(Math.min(plan.spread_ms, 30_000));
    await this.#live('Open tasks come to their end', () =>
      untilTrue(async () => (await evidence.openTasks().catch(() => 1)) === 0, this.#options.drainMs, signal),
    );
    const seconds = (performance.now() - begun) / 1_000;
    fleet.finish();
    await step(progress, 'The last heartbeats are confirmed', () =>
      untilTrue(() => fleet.unconfirmed() === 0, SETTLE_MS, signal),
    );
    return seconds;
  }

  #live<T>(message: string, work: () => Promise<T>): Promise<T> {
    const { progress, tellEveryMs } = this.#surroundings;
    return live(progress, message, { text: () => this.#status, everyMs: tellEveryMs }, work);
  }
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
