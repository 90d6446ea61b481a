import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate } from '../../simulator/simulate.ts';
// Sets the log of Temporal's library: a test run's output belongs to the tests.
import '../harness/temporal.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-simulate-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]) {
  const out: string[] = [];
  const said: string[] = [];
  const status = await simulate({
    args,
    out: (line) => out.push(line),
    say: (line) => said.push(line),
    progress: ({ state, message }) => {
      if (state === 'warn') said.push(message);
    },
    tellEveryMs: 1_000,
    signal: new AbortController().signal,
  });
  return { status, out, said: said.join('\n') };
}

it('1,000 agents register, live through a partition, work, and every check holds', async () => {
  const report = join(folder, 'partition');
  const { status, out, said } = await run(
    ...['--agents', '1000', '--duration', '45s', '--scenario', 'partition', '--report', report],
    // A machine that has other tests to run may be slow; what is right must be right all the same.
    ...[
      '--heartbeat',
      '8s',
      '--telemetry',
      '20s',
      '--offline-after',
      '20s',
      '--edge',
      '30s',
      '--delivered',
      '0.5',
    ],
    ...['--task-time', '1s', '--tasks-per-second', '4', '--absent', '0.03', '--register', '1000'],
  );
  expect(said).not.toContain('✗');
  expect(status).toBe(0);
  const told = JSON.parse(out.join(''));
  expect(told).toMatchObject({ kind: 'simulation', passed: true, enrolment: { registered: 1_000 } });
  expect(told.checks).toHaveLength(5);
  for (const check of told.checks) expect(check.checked).toBeGreaterThan(0);
  expect(told.endpoints.register.count).toBe(1_000);
  expect(told.tasks.by_state.COMPLETED).toBeGreaterThan(50);
  const kept = JSON.parse(await readFile(join(report, 'report.json'), 'utf8'));
  expect(kept.series.length).toBeGreaterThan(20);
  expect(kept.processes).toHaveProperty('postgres');
  expect(await readFile(join(report, 'report.html'), 'utf8')).toContain('1,000 agents, partition');

  const same = await run('compare', join(report, 'report.json'), join(report, 'report.json'));
  expect(same).toMatchObject({ status: 0, said: expect.stringContaining('Nothing got slower') });
}, 600_000);

it('a bad package is stopped by the gate of a ring, and taken back', async () => {
  const report = join(folder, 'bad-package');
  const { status, said } = await run(
    ...['--agents', '400', '--duration', '30s', '--scenario', 'bad-package', '--report', report],
    ...['--heartbeat', '5s', '--telemetry', '10s', '--offline-after', '60s', '--edge', '20s'],
    ...['--delivered', '0.5', '--task-time', '1s', '--tasks-per-second', '1', '--absent', '0'],
    ...['--register', '10'],
  );
  expect(said).not.toContain('✗');
  expect(status).toBe(0);
  const { deployments, checks, scenario } = JSON.parse(await readFile(join(report, 'report.json'), 'utf8'));
  expect(deployments).toMatchObject([
    { status: 'ROLLED_BACK', installed: 0, stopped_by: expect.stringContaining('more than 12 %') },
  ]);
  expect(deployments[0].rings).toContain('STOPPED');
  // Seven of ten virtual agents have the platform of the package.
  expect(deployments[0].agents).toBeGreaterThan(200);
  expect(checks).toContainEqual(
    expect.objectContaining({
      name: 'deployments end as they should',
      passed: true,
      checked: deployments[0].agents,
    }),
  );
  expect(scenario.events.join()).toContain('the deployment ended after');
}, 600_000);

it('a platform that is killed under 200 agents by mutual TLS loses nothing', async () => {
  const { status, said } = await run(
    ...[
      '--agents',
      '200',
      '--duration',
      '40s',
      '--scenario',
      'restart',
      '--mtls',
      '--report',
      join(folder, 'restart'),
    ],
    ...[
      '--heartbeat',
      '10s',
      '--telemetry',
      '10s',
      '--offline-after',
      '60s',
      '--edge',
      '20s',
      '--delivered',
      '0.5',
    ],
    ...['--task-time', '1s', '--tasks-per-second', '3', '--absent', '0', '--register', '10'],
  );
  expect(said).not.toContain('✗');
  expect(status).toBe(0);
}, 600_000);

it.each([
  [['--agents', 'none'], 2, /whole number/],
  [['--help'], 0, /--scenario/],
  [['compare', '/nonexistent', '/nonexistent'], 1, /no report.json/],
  [['--data', __dirname], 2, /not empty/],
])('%j ends with status %i', async (args, status, says) => {
  const ended = await run(...args);
  expect(ended.status).toBe(status);
  expect(ended.said).toMatch(says);
});
