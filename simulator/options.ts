import { Command, InvalidArgumentError, Option } from 'commander';
import { SCENARIOS, type Scenario } from '../contracts/simulation/simulation.ts';

/** What a simulation is asked to do. Times are milliseconds. */
export interface SimulationOptions {
  readonly agents: number;
  readonly durationMs: number;
  readonly seed: number;
  readonly scenario: Scenario;
  /** Each agent has its own certificate and connection. */
  readonly mtls: boolean;
  readonly heartbeatMs: number;
  readonly telemetryMs: number;
  readonly offlineAfterMs: number;
  /** How much later than due an agent may be called OFFLINE. */
  readonly edgeMs: number;
  /** Of due heartbeats, how many must get through, 0 to 1. */
  readonly deliveredShare: number;
  /** Of the fleet, how many go away once in the run. */
  readonly absentShare: number;
  /** undefined: as many as the machine takes. */
  readonly tasksPerSecond: number | undefined;
  readonly taskMs: number;
  readonly failureShare: number;
  /** How many enrol by the API; the others are put into the database. */
  readonly register: number;
  /** Agents of one deployment in the scenarios that have one. */
  readonly deploymentAgents: number;
  /** Time after the run in which open tasks may come to their end. */
  readonly drainMs: number;
  readonly reportDir: string | undefined;
  readonly dataDir: string | undefined;
  /** Leaves the platform up after the run, until Ctrl-C. */
  readonly keep: boolean;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90s`, `10m`, `1h`, `250ms`. @throws InvalidArgumentError */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ''];
  if (number === undefined || factor === undefined)
    throw new InvalidArgumentError('Give a time such as 90s, 10m or 1h.');
  return Number(number) * factor;
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
    return value;
  };
}

function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
    return value;
  };
}

export interface Comparison {
  readonly paths: readonly [string, string];
  /** Share by which a figure may be worse. */
  readonly threshold: number;
}

/** The command line of `npm run simulate`. */
export function simulateCommand(
  run: (options: SimulationOptions) => Promise<void>,
  compare: (comparison: Comparison) => Promise<void> = async () => {},
): Command {
  const command = new Command('simulate');
  command
    .command('compare')
    .description('says what got slower from one report.json to another')
    .argument('<before>')
    .argument('<after>')
    .option('--threshold <share>', 'by which a figure may be worse', between(0, 100), 0.1)
    .action((before: string, after: string, { threshold }: { threshold: number }) =>
      compare({ paths: [before, after], threshold }),
    );
  return command
    .description(
      'Runs a virtual fleet against a platform of its own on this machine, and judges what it sees',
    )
    .option('--agents <number>', 'how many', whole(1, 1_000_000), 1_000)
    .option('--duration <time>', 'of the run, without enrolment and end', parseDuration, 120_000)
    .option('--seed <number>', 'the same seed gives the same fleet and behaviour', whole(0, 2 ** 31 - 1), 1)
    .addOption(
      new Option('--scenario <name>', 'what happens to the fleet').choices(SCENARIOS).default('steady'),
    )
    .option('--mtls', 'a certificate and a connection for each agent, instead of a proxy’s', false)
    .option('--heartbeat <time>', 'interval', parseDuration, 60_000)
    .option('--telemetry <time>', 'interval', parseDuration, 300_000)
    .option('--offline-after <time>', 'silence after which an agent is OFFLINE', parseDuration, 300_000)
    .option('--edge <time>', 'how much later than due an agent may be called OFFLINE', parseDuration, 2_000)
    .option('--delivered <share>', 'of due heartbeats, must get through in time', between(0, 1), 1)
    .option('--absent <share>', 'of the fleet, goes away once in the run', between(0, 1), 0.02)
    .option('--tasks-per-second <number>', 'default: as many as the machine takes', between(0, 10_000))
    .option('--task-time <time>', 'mean duration of a task’s work', parseDuration, 20_000)
    .option('--task-failures <share>', 'of the tasks, fails', between(0, 1), 0.05)
    .option(
      '--register <number>',
      'agents that enrol by the API; the others are prepared',
      whole(0, 1_000_000),
      1_000,
    )
    .option(
      '--deployment <number>',
      'agents of the deployment in scenarios with one',
      whole(1, 10_000),
      10_000,
    )
    .option('--drain <time>', 'for open tasks to end after the run', parseDuration, 300_000)
    .option('--report <folder>', 'where the report goes; default: reports/ of the current folder')
    .option('--data <folder>', 'of the platform; default: a new one, removed in the end')
    .option('--keep', 'leave the platform up after the run, until Ctrl-C', false)
    .action(async (given: Given) => {
      await run({
        agents: given.agents,
        durationMs: given.duration,
        seed: given.seed,
        scenario: given.scenario,
        mtls: given.mtls,
        heartbeatMs: given.heartbeat,
        telemetryMs: given.telemetry,
        offlineAfterMs: given.offlineAfter,
        edgeMs: given.edge,
        deliveredShare: given.delivered,
        absentShare: given.absent,
        tasksPerSecond: given.tasksPerSecond,
        taskMs: given.taskTime,
        failureShare: given.taskFailures,
        register: Math.min(given.register, given.agents),
        deploymentAgents: Math.min(given.deployment, given.agents),
        drainMs: given.drain,
        reportDir: given.report,
        dataDir: given.data,
        keep: given.keep,
      });
    });
}

interface Given {
  readonly agents: number;
  readonly duration: number;
  readonly seed: number;
  readonly scenario: Scenario;
  readonly mtls: boolean;
  readonly heartbeat: number;
  readonly telemetry: number;
  readonly offlineAfter: number;
  readonly edge: number;
  readonly delivered: number;
  readonly absent: number;
  readonly tasksPerSecond: number | undefined;
  readonly taskTime: number;
  readonly taskFailures: number;
  readonly register: number;
  readonly deployment: number;
  readonly drain: number;
  readonly report: string | undefined;
  readonly data: string | undefined;
  readonly keep: boolean;
}
