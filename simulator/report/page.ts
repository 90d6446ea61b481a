import type { CheckResult } from '../checks/check.ts';
import type { LatencyFigures } from '../measure/latency.ts';
import type { EndpointFigures } from '../measure/recorder.ts';
import { renderCharts } from './charts.ts';
import { type Column, duration, escaped, figure, table } from './markup.ts';
import type { SimulationReport } from './report.ts';
import { STYLE } from './style.ts';

/** A report as one page that needs nothing else: no scripts, no fonts, no network. */
export function renderPage(report: SimulationReport): string {
  const { options, passed } = report;
  const title = `${figure(options.agents)} agents, ${options.scenario}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escaped(title)} <span class="verdict ${passed ? 'good' : 'bad'}">${passed ? 'passed' : 'failed'}</span></h1>
<p class="sub">${escaped(subtitle(report))}</p>
${tiles(report)}
<h2>Checks</h2><div class="card">${report.checks.map(renderCheck).join('')}</div>
<h2>Over time <small>numbers at the dotted lines: what happened, below</small></h2><div class="charts">${renderCharts(report)}</div>
<h2>Latency by endpoint <small>ms from the moment it was due, so that waiting counts; without each agent’s first heartbeat</small></h2>
<div class="card">${latencies(report.settled)}</div>
<h2>The same over everything <small>with first heartbeats and enrolment</small></h2>
<div class="card">${endpoints(report.endpoints)}</div>
<h2>Operators’ lists at ${figure(options.agents)} agents <small>ms</small></h2>
<div class="card">${endpoints(report.operators)}</div>
<h2>Processes</h2><div class="card">${processes(report)}</div>
${deployments(report)}
<h2>What happened</h2><div class="card"><ol>${report.scenario.events.map((event) => `<li>${escaped(event)}</li>`).join('')}</ol></div>
<h2>Settings</h2><div class="card"><p><code>${escaped(JSON.stringify(options))}</code></p></div>
</main></body></html>
`;
}

function subtitle({ begun_at, machine, options, seconds, enrolment }: SimulationReport): string {
  const how = options.mtls ? 'mutual TLS, a connection each' : 'behind a TLS-ending proxy (RFC 9440)';
  return [
    `${begun_at.slice(0, 16).replace('T', ' ')} UTC`,
    how,
    `seed ${options.seed}`,
    `${duration(seconds.run)} and ${duration(seconds.end)} to its end`,
    `${figure(enrolment.registered)} registered, ${figure(enrolment.prepared)} prepared`,
    `${machine.cores} cores ${machine.cpu}, ${machine.memory_gb} GB, Node ${machine.node}`,
  ].join(' · ');
}

function tiles(report: SimulationReport): string {
  const { delivered, settled, tasks, series, offline_edge_delay, processes: used } = report;
  const heartbeat = settled['heartbeat'] ?? report.endpoints['heartbeat'];
  const online = series.filter((point) => point.reachable >= report.options.agents * 0.9);
  const seconds = online.reduce((sum, point) => sum + point.length_s, 0);
  const rate = (endpoint: string): number =>
    online.reduce((sum, point) => sum + (point.endpoints[endpoint]?.count ?? 0), 0) / seconds;
  const share =
    (delivered.heartbeatsConfirmed / (delivered.heartbeatsDue - delivered.heartbeatsBrokenOff)) * 100;
  const cores = Object.values(used).reduce((sum, { mean_cores }) => sum + mean_cores, 0);
  const all: readonly (readonly [string, string])[] = [
    [`${figure(share)} %`, 'of due heartbeats delivered'],
    [figure(rate('heartbeat')), 'heartbeats a second, all online'],
    [figure(rate('telemetry')), 'telemetry reports a second'],
    [`${figure(heartbeat?.p50_ms ?? 0)} ms`, 'heartbeat, median'],
    [`${figure(heartbeat?.p99_ms ?? 0)} ms`, 'heartbeat, 99th percentile'],
    [figure(tasks.per_second), `tasks a second through workflows`],
    [`${figure(offline_edge_delay.p99_ms)} ms`, 'offline edge after it was due, p99'],
    [figure(cores), 'cores used, all processes'],
  ];
  return `<div class="tiles">${all.map(([value, says]) => `<div class="tile"><b>${escaped(value)}</b><span>${escaped(says)}</span></div>`).join('')}</div>`;
}

function renderCheck({ name, passed, checked, violations, says, examples }: CheckResult): string {
  const wrong = violations === 0 ? '' : `, ${figure(violations)} wrong`;
  return `<div class="check ${passed ? 'good' : 'bad'}"><span class="mark">${passed ? '✓' : '✗'}</span><div>
<p><b>${escaped(name)}</b> <small>${figure(checked)} looked at${wrong}</small></p><p><small>${escaped(says)}</small></p>
${examples.map((example) => `<code>${escaped(example)}</code>`).join('')}</div></div>`;
}

const LATENCY_COLUMNS: readonly Column<readonly [string, LatencyFigures]>[] = [
  { head: 'endpoint', cell: ([name]) => name },
  { head: 'answers', cell: ([, { count }]) => count },
  { head: 'mean', cell: ([, { mean_ms }]) => mean_ms },
  { head: 'p50', cell: ([, { p50_ms }]) => p50_ms },
  { head: 'p95', cell: ([, { p95_ms }]) => p95_ms },
  { head: 'p99', cell: ([, { p99_ms }]) => p99_ms },
  { head: 'max', cell: ([, { max_ms }]) => max_ms },
];

const latencies = (all: Readonly<Record<string, LatencyFigures>>): string =>
  table(Object.entries(all), LATENCY_COLUMNS);

const endpoints = (all: Readonly<Record<string, EndpointFigures>>): string =>
  table<[string, EndpointFigures]>(Object.entries(all), [
    ...LATENCY_COLUMNS,
    { head: 'errors', cell: ([, { errors }]) => errors },
    {
      head: 'outcomes',
      cell: ([, { outcomes }]) =>
        Object.entries(outcomes)
          .map(([outcome, count]) => `${outcome}: ${figure(count)}`)
          .join(', '),
    },
  ]);

const processes = ({ processes: all }: SimulationReport): string =>
  table(Object.entries(all), [
    { head: 'process', cell: ([name]) => name },
    { head: 'CPU-seconds', cell: ([, { cpu_s }]) => cpu_s },
    { head: 'cores, mean', cell: ([, { mean_cores }]) => mean_cores },
    {
      head: 'CPU-seconds per 1,000 requests',
      cell: ([, { cpu_s_per_1000_requests }]) => cpu_s_per_1000_requests,
    },
    { head: 'memory at most, MB', cell: ([, { peak_mb }]) => peak_mb },
  ]);

function deployments({ deployments: all }: SimulationReport): string {
  if (all.length === 0) return '';
  return `<h2>Deployments</h2><div class="card">${table(all, [
    { head: 'package', cell: ({ package_name }) => package_name },
    { head: 'devices', cell: ({ agents }) => agents },
    { head: 'ended after, s', cell: ({ ended_s }) => ended_s ?? 'not in this run' },
    { head: 'installs a second', cell: ({ installs_per_second }) => installs_per_second ?? '–' },
    { head: 'installed', cell: ({ completed }) => completed },
    { head: 'failed', cell: ({ failed }) => failed },
    { head: 'rolled back', cell: ({ rolled_back }) => rolled_back },
    { head: 'rings', cell: ({ rings }) => rings.join(', ') },
    { head: 'status', cell: ({ status }) => status },
    { head: 'why', cell: ({ reason }) => reason },
  ])}</div>`;
}
