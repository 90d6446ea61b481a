import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barOf, sizeOfRing } from '../../../cli/output/deployment-view.ts';
import {
  createDeploymentSchema,
  type Decision,
  type Deployment,
  type DeploymentDevice,
  type DeploymentRing,
  decisionRequestSchema,
  deploymentDeviceQuery,
  deploymentListQuery,
} from '../../../contracts/deployment/deployment.ts';
import { gatesSchema } from '../../../contracts/deployment/rings.ts';
import { FakePlatform, pageWith, refuse } from './support/platform.ts';
import { AGENT_ID, TASK_ID } from './support/samples.ts';
import { eucora, type SessionOptions } from './support/session.ts';

let platform: FakePlatform;
const folder = mkdtempSync(join(tmpdir(), 'eucora-cli-'));
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

const ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c77';
const AT = '2026-11-22T07:00:00.000Z';

const aDeployment = (more: Partial<Deployment> = {}): Deployment => ({
  id: ID,
  name: 'tool 1.0.0',
  status: 'ROLLING_OUT',
  reason: 'Approved by anna',
  pipeline_id: TASK_ID,
  package_name: 'tool',
  package_version: '1.0.0',
  platform: 'linux',
  evidence_id: TASK_ID,
  previous_pipeline_id: null,
  selection: { tag: 'site=zurich' },
  plan: {},
  risk: {
    score: 55,
    factors: [{ factor: 'blast_radius', points: 30, max_points: 30, reason: 'all devices' }],
  },
  risk_threshold: 50,
  approval_required: true,
  approval_ends_at: AT,
  base_at: AT,
  devices: { INSTALLED: 2, WAITING: 8 },
  current_ring: 'canary',
  correlation_id: 'corr-1',
  created_by: 'bert',
  created_at: AT,
  started_at: AT,
  ended_at: null,
  workflow_id: `deployment/${ID}`,
  ...more,
});
const aRing = (more: Partial<DeploymentRing> = {}): DeploymentRing => ({
  position: 0,
  name: 'canary',
  state: 'ROLLING',
  reason: 'Begun',
  size: { count: 2 },
  gates: gatesSchema.parse({}),
  soak_seconds: 60,
  starts_at: AT,
  deadline_at: null,
  opened_at: AT,
  soak_started_at: null,
  ended_at: null,
  devices: { INSTALLED: 1, DISPATCHED: 1 },
  failures: {},
  ...more,
});
const aDecision: Decision = {
  id: TASK_ID,
  deployment_id: ID,
  decision: 'approve',
  approver: 'anna',
  comment: 'fine',
  conditions: { note: 'at night' },
  risk_score: 55,
  decided_at: AT,
};
const aDevice: DeploymentDevice = {
  agent_id: AGENT_ID,
  hostname: 'desk-1',
  ring: 'canary',
  state: 'FAILED',
  attempts: 2,
  failure_kind: 'download',
  reason: 'cut off',
  task_id: TASK_ID,
  rollback_task_id: null,
  joined_at: AT,
  dispatched_at: AT,
  settled_at: AT,
};

const call = (line: string, options: SessionOptions = {}) => eucora(platform, `deployments ${line}`, options);

describe('create', () => {
  const plan = join(folder, 'plan.yaml');
  writeFileSync(plan, 'rings:\n  - name: all\n    size: { rest: true }\n');

  it('reads the plan from a file, and says who must approve', async () => {
    platform.on('POST /deployments', { status: 201, json: aDeployment({ status: 'AWAITING_APPROVAL' }) });
    const { code, stdout, stderr } = await call(
      `create --pipeline ${TASK_ID} --plan ${plan} --name pilot --tag site=zurich --agent ${AGENT_ID}`,
    );
    expect([code, stderr]).toEqual([0, `Somebody else must approve it: eucora deployments approve ${ID}\n`]);
    expect(stdout).toMatch(/AWAITING_APPROVAL +canary +INSTALLED=2 WAITING=8 +55\/50/);
    const [body] = platform.bodies(createDeploymentSchema);
    expect(body).toMatchObject({ name: 'pilot', selection: { tag: 'site=zurich', agent_ids: [AGENT_ID] } });
    expect(body?.plan?.rings).toHaveLength(1);
    expect(platform.seen[0]?.headers['idempotency-key']).toBeDefined();
  });

  it('reads what the package asks of machines from a file', async () => {
    const rules = join(folder, 'rules.yaml');
    writeFileSync(rules, 'detection: { file_exists: /usr/bin/tool }\nrequirements: { min_memory_mb: 512 }\n');
    platform.on('POST /deployments', { status: 201, json: aDeployment() });
    await call(`create --pipeline ${TASK_ID} --plan ${plan} --rules ${rules}`);
    expect(platform.bodies(createDeploymentSchema)[0]).toMatchObject({
      detection: { file_exists: '/usr/bin/tool' },
      requirements: { min_memory_mb: 512 },
      dependencies: [],
    });
  });

  it('takes a plan that was applied, and says where to look', async () => {
    platform.on('POST /deployments', { json: aDeployment({ approval_required: false }) });
    const { stderr } = await call(`create --pipeline ${TASK_ID} --plan-name standard`);
    expect(stderr).toContain(`eucora deployments watch ${ID}`);
    expect(platform.bodies(createDeploymentSchema)[0]?.plan_name).toBe('standard');
  });

  it('asks for one of both, and names the lines of a wrong plan', async () => {
    expect((await call(`create --pipeline ${TASK_ID}`)).code).toBe(2);
    expect((await call(`create --pipeline ${TASK_ID} --plan ${plan} --plan-name x`)).code).toBe(2);
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(
      wrong,
      'rings:\n  - name: all\n    size: { rest: true }\n    soak_seconds: -1\nspeed: high\n',
    );
    const { code, stderr } = await call(`create --pipeline ${TASK_ID} --plan ${wrong}`);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /wrong\.yaml:4: rings\.0\.soak_seconds .*\n.*wrong\.yaml:5: speed is not known here/,
    );
    expect(platform.seen).toEqual([]);
  });
});

it('lists deployments and devices', async () => {
  platform.list('/deployments', deploymentListQuery, pageWith([aDeployment()]));
  const { stdout } = await call(`list --status rolling_out --package tool --pipeline ${TASK_ID}`);
  expect(stdout).toMatch(/tool 1\.0\.0 +ROLLING_OUT/);
  expect(platform.seen[0]?.query).toMatchObject({ status: 'ROLLING_OUT', package_name: 'tool' });
  platform.list(`/deployments/${ID}/devices`, deploymentDeviceQuery, pageWith([aDevice]));
  const devices = await call(`devices ${ID} --ring canary --state failed`);
  expect(devices.stdout).toMatch(/desk-1 +canary +FAILED +2 +download +cut off/);
});

it('shows one with rings, risk and decision', async () => {
  platform.on(`GET /deployments/${ID}`, { json: aDeployment() });
  platform.on(`GET /deployments/${ID}/rings`, { json: { items: [aRing()] } });
  platform.on(`GET /deployments/${ID}/decisions`, { json: { items: [aDecision] } });
  const { stdout } = await call(`show ${ID}`);
  expect(stdout).toMatch(/canary \[#{12}\+{12}\] ROLLING 2 devices: 1 installed, 1 at work/);
  expect(stdout).toMatch(/blast_radius 30\/30: all devices/);
  expect(stdout).toMatch(/approve by anna: fine/);
  expect((await call(`show ${ID} --json`)).json()).toMatchObject({ id: ID, rings: [{ name: 'canary' }] });
});

describe('people decide', () => {
  it('with conditions', async () => {
    platform.on(`POST /deployments/${ID}/decisions`, { status: 201, json: aDecision });
    const line = `approve ${ID} --comment fine --not-before 2026-12-01 --pause-after canary --max-per-minute 5 --note slowly`;
    expect(await call(line)).toMatchObject({ code: 0, stdout: 'Approved with conditions.\n' });
    expect(platform.bodies(decisionRequestSchema)).toEqual([
      {
        decision: 'approve',
        comment: 'fine',
        conditions: {
          note: 'slowly',
          not_before: '2026-12-01T00:00:00.000Z',
          pause_after_ring: 'canary',
          max_per_minute: 5,
        },
      },
    ]);
  });

  it('without, and against', async () => {
    platform.on(`POST /deployments/${ID}/decisions`, { status: 201, json: aDecision });
    expect((await call(`approve ${ID}`)).stdout).toBe('Approved.\n');
    expect((await call(`reject ${ID} --comment no`)).stdout).toBe('Rejected.\n');
    expect(platform.bodies(decisionRequestSchema)).toEqual([
      { decision: 'approve', comment: '' },
      { decision: 'reject', comment: 'no' },
    ]);
  });

  it('but not on their own', async () => {
    platform.on(`POST /deployments/${ID}/decisions`, refuse('four-eyes-required'));
    const { code, stderr } = await call(`approve ${ID}`);
    expect(code).toBe(1);
    expect(stderr).toContain('four-eyes-required');
  });
});

it.each(['pause', 'resume', 'abort', 'rollback'])('says %s with its reason', async (word) => {
  platform.on(`POST /deployments/${ID}/${word}`, { json: aDeployment({ status: 'PAUSED' }) });
  const { stdout } = await eucora(platform, ['deployments', word, ID, '--reason', 'because of it']);
  expect(stdout).toMatch(/PAUSED/);
  expect(platform.seen[0]?.body).toBe('{"reason":"because of it"}');
});

describe('watch', () => {
  const follow = (...steps: readonly [Deployment, DeploymentRing[]][]) => {
    platform.sequence(
      `GET /deployments/${ID}`,
      steps.map(([json]) => ({ json })),
    );
    platform.sequence(
      `GET /deployments/${ID}/rings`,
      steps.map(([, items]) => ({ json: { items } })),
    );
  };
  const full = aRing({ state: 'PASSED', devices: { INSTALLED: 2 } });
  const last = aRing({ position: 1, name: 'all', state: 'WAITING', devices: { WAITING: 8 } });
  const done = aDeployment({ status: 'COMPLETED', reason: 'All rings have passed' });

  it('prints the rings that changed, until the end', async () => {
    follow(
      [aDeployment(), [aRing(), last]],
      [aDeployment(), [aRing(), last]],
      [aDeployment(), [full, last]],
      [done, [full, last]],
    );
    const { code, stdout, pauses } = await call(`watch ${ID}`);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'ROLLING_OUT  tool 1.0.0  Approved by anna',
      'canary [############++++++++++++] ROLLING 2 devices: 1 installed, 1 at work',
      'all    [........................] WAITING 8 devices',
      'canary [########################] PASSED  2 devices: 2 installed',
      'COMPLETED  tool 1.0.0  All rings have passed',
      '',
    ]);
    expect(pauses).toEqual([1_000, 1_500, 1_000]);
  });

  it('draws a terminal over again, cut to its width', async () => {
    follow([aDeployment(), [aRing()]], [done, [full]]);
    const { stdout } = await call(`watch ${ID}`, { tty: true, columns: 30, env: { NO_COLOR: '1' } });
    expect(stdout).toContain('\u001b[2A\r\u001b[0J');
    for (const line of stdout.replaceAll(/\u001b\[[0-9]*[AJ]|\r/g, '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(30);
  });

  it('gives programs a line of JSON a change', async () => {
    follow([aDeployment(), [aRing()]], [done, [full]]);
    const { stdout } = await call(`watch ${ID} --json`);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ status, rings }) => [status, rings[0].state])).toEqual([
      ['ROLLING_OUT', 'ROLLING'],
      ['COMPLETED', 'PASSED'],
    ]);
  });

  it('ends with 4 when it was not completed, and bears an outage, but not for ever', async () => {
    follow([aDeployment({ status: 'ROLLED_BACK', reason: 'Ring canary stopped it' }), [full]]);
    const { code, stderr } = await call(`watch ${ID}`);
    expect(code).toBe(4);
    expect(stderr).toMatch(/ended as ROLLED_BACK\n {2}Ring canary stopped it/);
    platform.sequence(`GET /deployments/${ID}`, [
      { json: aDeployment() },
      { hangUp: true },
      { hangUp: true },
      { hangUp: true },
      { hangUp: true },
      { json: done },
    ]);
    platform.on(`GET /deployments/${ID}/rings`, { json: { items: [full] } });
    const back = await call(`watch ${ID}`);
    expect([back.code, back.stderr]).toEqual([
      0,
      'the platform does not answer; trying on\nthe platform answers again\n',
    ]);
    platform.on(`GET /deployments/${ID}`, { hangUp: true });
    expect((await call(`watch ${ID} --patience 5s`)).code).toBe(3);
    platform.on(`GET /deployments/${ID}`, refuse('not-found'));
    expect((await call(`watch ${ID}`)).code).toBe(1);
  });
});

it('bars are as long as they are, however devices are spread', () => {
  for (let failed = 0; failed <= 7; failed += 1) {
    const ring = aRing({
      devices: { INSTALLED: 3, FAILED: failed, ROLLING_BACK: 2, DISPATCHED: 1, WAITING: 5 },
    });
    expect(barOf(ring, 20)).toHaveLength(20);
    expect(sizeOfRing(ring)).toBe(11 + failed);
  }
  expect(barOf(aRing({ devices: {} }), 5)).toBe('     ');
});
