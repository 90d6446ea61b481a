import type { DeploymentFigures } from '../../simulator/load/deployment.ts';
import { renderPage } from '../../simulator/report/page.ts';
import type { SimulationReport } from '../../simulator/report/report.ts';

const LATENCY = { count: 10, mean_ms: 2, p50_ms: 2, p95_ms: 3, p99_ms: 4, max_ms: 9 };
const ENDPOINT = { ...LATENCY, errors: 1, outcomes: { '200': 10, ECONNRESET: 1 } };
const point = (at_s: number): SimulationReport['series'][number] => ({
  at_s,
  length_s: 5,
  endpoints: { heartbeat: { count: at_s, errors: at_s === 5 ? 2 : 0, p50_ms: 2, p99_ms: at_s, max_ms: 900 } },
  operators: { '/agents': { count: 1, errors: 0, p50_ms: 2, p99_ms: 3, max_ms: 3 } },
  processes: { api: { cores: 0.5, mb: 200 }, postgres: { cores: 0.2, mb: 100 } },
  reachable: 1_000,
  presence: at_s === 10 ? {} : { ONLINE: 990, OFFLINE: 10 },
  tasks: { COMPLETED: at_s, PENDING: 3 },
  task_rate: 3,
  lag_ms: 4,
});

const deployment = (more: Partial<DeploymentFigures>): DeploymentFigures => ({
  ...{ id: 'd', package_name: 'p', agents: 10, failure_share: 0, accepted_ms: 5, ended_s: 4 },
  ...{ installs_per_second: 2.5, completed: 8, failed: 2, rolled_back: 0, installed: 8 },
  ...{ status: 'COMPLETED', reason: 'All rings have passed', rings: ['PASSED'] },
  ...more,
});

const REPORT = {
  kind: 'simulation',
  passed: false,
  begun_at: '2026-11-25T10:00:00.000Z',
  options: { agents: 100_000, scenario: 'partition', seed: 1, mtls: false },
  machine: { cpu: 'A <fast> CPU', cores: 2, memory_gb: 24, node: 'v20' },
  enrolment: { registered: 1_000, prepared: 99_000, seconds: 20 },
  checks: [
    { name: 'no heartbeat lost', passed: true, checked: 5, violations: 0, examples: [], says: 'All there.' },
    {
      name: 'no agent wrongly OFFLINE',
      passed: false,
      checked: 5,
      violations: 1,
      examples: ['a <b>'],
      says: 'No.',
    },
  ],
  scenario: { scenario: 'partition', events: ['6 s: 3 of 10 sites: cut off', 'over'], deployment: null },
  seconds: { run: 600, end: 61 },
  endpoints: { heartbeat: ENDPOINT },
  settled: { heartbeat: LATENCY },
  operators: { '/agents': ENDPOINT },
  offline_edge_delay: LATENCY,
  delivered: { heartbeatsDue: 10, heartbeatsConfirmed: 9, heartbeatsBrokenOff: 1 },
  tasks: { created: 5, by_state: { COMPLETED: 5 }, per_second: 1.5, drain_seconds: 3 },
  deployments: [
    deployment({ ended_s: null, installs_per_second: null, completed: 0, failed: 0, status: 'ROLLING_OUT' }),
    deployment({
      status: 'ROLLED_BACK',
      reason: 'Ring <1> stopped the rollout',
      rings: ['STOPPED', 'WAITING'],
    }),
  ],
  processes: { api: { cpu_s: 20, mean_cores: 0.4, peak_mb: 220, cpu_s_per_1000_requests: 0.1 } },
  series: [point(5), point(10), point(700)],
} as unknown as SimulationReport;

describe('The page of a report', () => {
  const page = renderPage(REPORT);

  it('stands alone: no scripts, nothing from elsewhere', () => {
    expect(page).not.toMatch(/<script|https?:\/\/|src=|@import/);
    expect(page.match(/<svg/g)).toHaveLength(10);
  });

  it('says first whether it passed, and shows what is wrong', () => {
    expect(page).toContain('<span class="verdict bad">failed</span>');
    expect(page).toContain('a &lt;b&gt;');
    expect(renderPage({ ...REPORT, passed: true })).toContain('<span class="verdict good">passed</span>');
  });

  it('escapes what it was given, and draws no coordinate that is no number', () => {
    expect(page).toContain('A &lt;fast&gt; CPU');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('marks the events of the scenario, and tells of deployments that did not end', () => {
    expect(page).toContain('<title>6 s: 3 of 10 sites: cut off</title>');
    expect(page).toContain('not in this run');
    expect(page).toContain('Ring &lt;1&gt; stopped the rollout');
    expect(renderPage({ ...REPORT, deployments: [] })).not.toContain('Deployments');
  });

  it('has every latency in its tables', () => {
    expect(page).toContain('200: 10, ECONNRESET: 1');
    expect(page).toContain('100,000 agents, partition');
  });
});
