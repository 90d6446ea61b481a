import { TASK_STATUSES } from '../../contracts/agent-task/states.ts';
import type { Stretch } from '../measure/recorder.ts';
import type { Point } from '../measure/series.ts';
import { type Chart, type Curve, type Marker, renderChart } from './chart.ts';
import type { SimulationReport } from './report.ts';

const PROCESSES = ['api', 'postgres', 'temporal', 'worker', 'simulator'] as const;
/** From dark to bright: what is bad stands out. */
const STATUSES = ['ONLINE', 'DEGRADED', 'OFFLINE', 'UNKNOWN'] as const;

/** All plots of a run. */
export function renderCharts(report: SimulationReport): string {
  const { series } = report;
  const moments = series.map((point) => point.at_s);
  const markers = markersOf(report.scenario.events);
  const chart = (rest: Omit<Chart, 'moments' | 'markers'>): string =>
    renderChart({ moments, markers, ...rest });
  const of = (name: string, colour: number, value: (point: Point) => number, dashed = false): Curve => ({
    name,
    colour,
    dashed,
    values: series.map(value),
  });
  const latency = (endpoint: string): Curve[] => [
    of('p50', 1, (point) => stretch(point, endpoint).p50_ms),
    of('p99', 2, (point) => stretch(point, endpoint).p99_ms),
    of('max', 6, (point) => stretch(point, endpoint).max_ms, true),
  ];
  const rate = (endpoint: string) => (point: Point) => stretch(point, endpoint).count / point.length_s;
  return [
    chart({
      title: 'Heartbeats',
      unit: 'ms from due to confirmed',
      logarithmic: true,
      curves: latency('heartbeat'),
    }),
    chart({
      title: 'Telemetry',
      unit: 'ms from due to confirmed',
      logarithmic: true,
      curves: latency('telemetry'),
    }),
    chart({
      title: 'Words on tasks',
      unit: 'p99, ms',
      logarithmic: true,
      curves: [
        of('start', 1, (point) => stretch(point, 'start').p99_ms),
        of('complete', 3, (point) => stretch(point, 'complete').p99_ms),
        of('create task', 4, (point) => stretch(point, 'create task').p99_ms),
      ],
    }),
    chart({
      title: 'Requests answered',
      unit: 'a second',
      stacked: true,
      curves: [
        of('heartbeats', 1, rate('heartbeat')),
        of('telemetry', 3, rate('telemetry')),
        of('words on tasks', 2, (point) =>
          ['start', 'complete', 'fail'].reduce((sum, endpoint) => sum + rate(endpoint)(point), 0),
        ),
      ],
    }),
    chart({
      title: 'CPU',
      unit: `cores of ${report.machine.cores}`,
      stacked: true,
      curves: PROCESSES.map((name, index) =>
        of(name, index + 1, (point) => point.processes[name]?.cores ?? 0),
      ),
    }),
    chart({
      title: 'Memory',
      unit: 'MB',
      curves: PROCESSES.map((name, index) => of(name, index + 1, (point) => point.processes[name]?.mb ?? 0)),
    }),
    chart({
      title: 'Agents',
      unit: 'by status, as operators see them',
      stacked: true,
      curves: STATUSES.map((status, index) =>
        of(status, [3, 5, 2, 6][index] ?? 6, (point) => point.presence[status] ?? 0),
      ),
    }),
    chart({
      title: 'Tasks',
      unit: 'by state',
      stacked: true,
      curves: TASK_STATUSES.filter((status) => series.some((point) => (point.tasks[status] ?? 0) > 0)).map(
        (status, index) => of(status, 1 + (index % 6), (point) => point.tasks[status] ?? 0),
      ),
    }),
    chart({
      title: 'Tasks ended',
      unit: 'a second',
      curves: [
        of('created', 1, (point) => stretch(point, 'create task').count / point.length_s),
        of('ended', 3, (point) => rate('complete')(point) + rate('fail')(point)),
      ],
    }),
    chart({
      title: 'Errors',
      unit: 'attempts that failed, a second',
      curves: [
        of('of agents', 2, (point) => errors(point.endpoints) / point.length_s),
        of('of operators', 4, (point) => errors(point.operators) / point.length_s),
      ],
    }),
  ].join('\n');
}

const NOTHING: Stretch = { count: 0, errors: 0, p50_ms: 0, p99_ms: 0, max_ms: 0 };
const stretch = (point: Point, endpoint: string): Stretch => point.endpoints[endpoint] ?? NOTHING;
const errors = (all: Readonly<Record<string, Stretch>>): number =>
  Object.values(all).reduce((sum, { errors: count }) => sum + count, 0);

/** Events begin with their second. */
function markersOf(events: readonly string[]): Marker[] {
  return events.flatMap((event, index) => {
    const seconds = /^(\d+) s: /.exec(event)?.[1];
    return seconds === undefined ? [] : [{ at: Number(seconds), says: event, number: index + 1 }];
  });
}
