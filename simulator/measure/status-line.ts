import type { Fleet } from '../fleet/fleet.ts';
import type { Point } from './series.ts';

const number = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** One line that says how the run goes, for people who watch. */
export function statusLine(point: Point, fleet: Fleet, taskRate: number): string {
  const perSecond = (endpoint: string): string =>
    number.format((point.endpoints[endpoint]?.count ?? 0) / point.length_s);
  const errors = Object.values(point.endpoints).reduce((sum, stretch) => sum + stretch.errors, 0);
  const cores = Object.entries(point.processes).map(
    ([name, { cores: used }]) => `${name} ${used.toFixed(2)}`,
  );
  const { tally } = fleet.context;
  const ended = tally.tasksCompleted + tally.tasksFailed;
  return [
    `${number.format(point.reachable)} of ${number.format(fleet.agents.length)} online`,
    `heartbeats ${perSecond('heartbeat')}/s, p99 ${Math.round(point.endpoints['heartbeat']?.p99_ms ?? 0)} ms`,
    `telemetry ${perSecond('telemetry')}/s`,
    `tasks ${taskRate.toFixed(1)}/s, ${number.format(ended)} ended`,
    `errors ${number.format(errors)}`,
    `cores: ${cores.join(', ')}`,
  ].join(' · ');
}
