import { cpus, totalmem } from 'node:os';
import type { SimulationOutcome } from '../../contracts/simulation/simulation.ts';
import type { Verdict } from '../checks/judge.ts';
import type { Tally } from '../fleet/context.ts';
import type { DeploymentFigures } from '../load/deployment.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { Series } from '../measure/series.ts';
import type { SimulationOptions } from '../options.ts';
import type { SimulationReport } from './report.ts';

export interface ReportParts {
  readonly options: SimulationOptions;
  readonly begunAt: Date;
  readonly enrolSeconds: number;
  readonly runSeconds: number;
  readonly drainSeconds: number;
  readonly endSeconds: number;
  readonly verdict: Verdict;
  readonly outcome: SimulationOutcome;
  readonly recorder: Recorder;
  readonly lists: Recorder;
  readonly series: Series;
  readonly tally: Tally;
  readonly created: number;
  readonly byState: Readonly<Record<string, number>>;
  readonly deployments: readonly DeploymentFigures[];
}

export function buildReport(parts: ReportParts): SimulationReport {
  const { options, verdict, recorder, series, byState } = parts;
  const requests = Object.values(recorder.figures()).reduce((sum, { count }) => sum + count, 0);
  const tasks = Object.values(byState).reduce((sum, count) => sum + count, 0);
  return {
    kind: 'simulation',
    passed: verdict.checks.every((check) => check.passed),
    begun_at: parts.begunAt.toISOString(),
    options,
    machine: thisMachine(),
    enrolment: {
      registered: options.register,
      prepared: options.agents - options.register,
      seconds: rounded(parts.enrolSeconds),
    },
    checks: verdict.checks,
    scenario: parts.outcome,
    seconds: { run: rounded(parts.runSeconds), end: rounded(parts.endSeconds) },
    endpoints: recorder.figures(),
    settled: recorder.settledFigures(),
    operators: parts.lists.figures(),
    offline_edge_delay: verdict.edgeDelay,
    delivered: { ...parts.tally },
    tasks: {
      created: parts.created,
      by_state: byState,
      per_second: rounded(tasks / (parts.runSeconds + parts.drainSeconds)),
      drain_seconds: rounded(parts.drainSeconds),
    },
    deployments: parts.deployments,
    processes: Object.fromEntries(
      Object.entries(series.totals()).map(([name, totals]) => [
        name,
        { ...totals, cpu_s_per_1000_requests: Math.round((totals.cpu_s / requests) * 1e6) / 1e3 },
      ]),
    ),
    series: series.points,
  };
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

const rounded = (value: number): number => Math.round(value * 10) / 10;
