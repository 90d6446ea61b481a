import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pageQuery } from '../../../contracts/http/common.ts';
import {
  approveIncidentSchema,
  askIncidentSchema,
  editIncidentSchema,
  type IncidentDetail,
  incidentListQuery,
  rejectIncidentSchema,
  stopIncidentSchema,
} from '../../../contracts/incident/incident.ts';
import { FakePlatform, pageWith, refuse } from './support/platform.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
let folder: string;
beforeAll(async () => {
  platform = await FakePlatform.start();
  folder = await mkdtemp(join(tmpdir(), 'eucora-cli-'));
});
beforeEach(() => platform.reset());
afterAll(async () => {
  await platform.stop();
  await rm(folder, { recursive: true, force: true });
});

const ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
const SURE = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c02';
const BLOCKED = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c03';
const AT = '2026-11-22T07:00:00.000Z';
const NO_REMEDIES = {
  WAITING: 0,
  REMEDYING: 0,
  VERIFYING: 0,
  OBSERVING: 0,
  HEALTHY: 0,
  FAILED: 0,
  SKIPPED: 0,
  STOPPED: 0,
};

function anIncident(changes: Partial<IncidentDetail> = {}): IncidentDetail {
  return {
    id: ID,
    status: 'AWAITING_DECISION',
    outcome: null,
    platform: 'linux',
    task_type: 'DEPLOY',
    package_name: 'app',
    exit_code: 1,
    error: 'dpkg failed',
    fingerprint: 'f'.repeat(32),
    window_start: AT,
    occurrence_count: 500,
    device_count: 499,
    first_seen_at: AT,
    last_seen_at: AT,
    label: 'INSTALLATION_FAILURE',
    severity: 'high',
    root_cause: 'A dependency\u001b[2J is missing',
    remediation: 'Install it',
    confidence: 0.91,
    confidence_parts: null,
    advice: 'Sure enough',
    preselected_suggestion_id: SURE,
    approved_suggestion_id: null,
    retry_failed_tasks: false,
    waiting_since: AT,
    reminders: 2,
    decided_by: null,
    decided_at: null,
    decision_note: null,
    closed_at: null,
    correlation_id: 'corr',
    workflow_id: 'incident/f',
    suggestions: [
      {
        id: SURE,
        provider: 'offline',
        model: 'rules-1',
        interpreter: 'sh',
        script: 'apt-get\u001b[8m install -y\nexit 0\n',
        verification: 'true',
        explanation: 'Installs it',
        confidence: 0.91,
        findings: [],
        created_by: 'incident/f',
        created_at: AT,
      },
      {
        id: BLOCKED,
        provider: null,
        model: null,
        interpreter: null,
        script: null,
        verification: null,
        explanation: 'Cleans up',
        confidence: null,
        findings: [{ code: 'deletes', message: 'deletes all', excerpt: 'rm -rf /' }],
        created_by: 'jane',
        created_at: AT,
      },
    ],
    remedies: NO_REMEDIES,
    cost: { calls: 3, cached_calls: 1, input_tokens: 1_200, output_tokens: 340 },
    ...changes,
  };
}

it('lists incidents by the filters of the API', async () => {
  const { suggestions: _, remedies: __, cost: ___, ...incident } = anIncident();
  platform.list('/incidents', incidentListQuery, pageWith([incident]));
  const { code, stdout } = await eucora(
    platform,
    'incidents list --open --label installation_failure --platform linux --package app --status awaiting_decision',
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/AWAITING_DECISION\s+INSTALLATION_FAILURE\s+high\s+linux\s+app\s+499\s+500/);
  expect(platform.seen[0]?.query).toMatchObject({
    open: 'true',
    package: 'app',
    status: 'AWAITING_DECISION',
  });
  platform.list('/incidents', incidentListQuery, pageWith([]));
  expect((await eucora(platform, 'incidents list --closed')).stderr).toContain('No incidents.');
});

it('shows every script that might run, and nothing that drives the terminal', async () => {
  platform.on(`GET /incidents/${ID}`, { json: anIncident({ remedies: { ...NO_REMEDIES, HEALTHY: 3 } }) });
  const { stdout } = await eucora(platform, `incidents show ${ID}`);
  expect(stdout).toContain('| apt-get\\u001b[8m install -y\n  | exit 0');
  expect(stdout).toContain('(preselected) by offline rules-1, confidence 91 %');
  expect(stdout).toContain('Blocked: deletes: deletes all: rm -rf /');
  expect(stdout).toContain('3 HEALTHY');
  expect(stdout).toContain('1200+340 in 3 calls, 1 of them cached');
  expect(stdout).not.toContain('\u001b');
});

const CALL = {
  id: ID,
  analysis: 1,
  purpose: 'classify',
  prompt: 'classify-incident',
  prompt_version: '1',
  provider: 'openai',
  model: 'm',
  outcome: 'answered',
  cached: true,
  input_tokens: 12,
  output_tokens: 3,
  latency_ms: 40,
  redactions: {},
  raw_answer: '{}',
  error: null,
  at: AT,
};
it.each([
  [
    'occurrences',
    { id: ID, task_id: ID, agent_id: ID, task_status: 'FAILED', failed_at: AT, error_message: 'x' },
    'FAILED',
  ],
  [
    'remedies',
    {
      id: ID,
      agent_id: ID,
      canary: true,
      state: 'HEALTHY',
      approved_at: AT,
      failed_task_id: ID,
      task_id: ID,
      verify_task_id: null,
      error: null,
      began_at: AT,
      ended_at: AT,
    },
    'HEALTHY',
  ],
  ['calls', CALL, '12+3'],
  [
    'timeline',
    {
      id: ID,
      at: AT,
      actor_type: 'operator',
      actor_id: 'jane',
      action: 'incident.approve',
      before: null,
      after: { status: 'CANARY' },
    },
    'operator jane',
  ],
])('lists its %s', async (part, item, expected) => {
  platform.list(`/incidents/${ID}/${part}`, pageQuery, pageWith([item]));
  const { code, stdout } = await eucora(platform, `incidents ${part} ${ID}`);
  expect(code).toBe(0);
  expect(stdout).toContain(expected);
});

describe('approve', () => {
  beforeEach(() => {
    platform.on(`GET /incidents/${ID}`, { json: anIncident() });
    platform.on(`POST /incidents/${ID}/approve`, { json: anIncident({ status: 'CANARY' }) });
  });
  const bodies = () => platform.bodies(approveIncidentSchema);

  it('names the suggestion that was shown, after a yes', async () => {
    const { code, stderr } = await eucora(platform, `incidents approve ${ID}`, { tty: true, stdin: ['y\n'] });
    expect(code).toBe(0);
    expect(stderr).toContain('| exit 0');
    expect(stderr).toContain('up to 499 linux devices');
    expect(bodies()).toEqual([{ suggestion_id: SURE, retry_failed_tasks: true }]);
  });

  it('does nothing after a no, or where nobody can be asked', async () => {
    expect((await eucora(platform, `incidents approve ${ID}`, { tty: true, stdin: ['n\n'] })).code).toBe(1);
    expect((await eucora(platform, `incidents approve ${ID}`)).code).toBe(2);
    expect(bodies()).toEqual([]);
  });

  it('takes another suggestion, a note, and no retry', async () => {
    await eucora(platform, [
      ...`incidents approve ${ID} --yes --no-retry --suggestion ${BLOCKED} --note`.split(' '),
      'a look',
    ]);
    expect(bodies()).toEqual([{ suggestion_id: BLOCKED, retry_failed_tasks: false, note: 'a look' }]);
  });

  it('asks for a name when nothing is preselected, or when there is no such suggestion', async () => {
    platform.on(`GET /incidents/${ID}`, { json: anIncident({ preselected_suggestion_id: null }) });
    const nameless = await eucora(platform, `incidents approve ${ID} --yes`);
    expect([nameless.code, nameless.stderr]).toEqual([
      2,
      expect.stringContaining('No suggestion is preselected'),
    ]);
    expect((await eucora(platform, `incidents approve ${ID} --yes --suggestion ${ID}`)).code).toBe(2);
    expect(bodies()).toEqual([]);
  });
});

it('edits from files and from standard input, and tells why a script is refused', async () => {
  platform.on(`POST /incidents/${ID}/edit`, { json: anIncident() });
  const [script, check] = [join(folder, 's.sh'), join(folder, 'c.sh')];
  await writeFile(script, 'echo a');
  await writeFile(check, 'true');
  await eucora(
    platform,
    `incidents edit ${ID} --script ${script} --check ${check} --interpreter bash --explanation e`,
  );
  await eucora(platform, `incidents edit ${ID} --script -`, { stdin: ['echo b'] });
  expect(platform.bodies(editIncidentSchema)).toEqual([
    { interpreter: 'bash', script: 'echo a', verification: 'true', explanation: 'e' },
    { interpreter: 'sh', script: 'echo b', verification: '', explanation: '' },
  ]);
  platform.on(
    `POST /incidents/${ID}/edit`,
    refuse('remedy-blocked', { errors: [{ path: 'script', message: 'deletes: all' }] }),
  );
  const refused = await eucora(platform, `incidents edit ${ID} --script ${script}`);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('script: deletes: all');
  expect((await eucora(platform, `incidents edit ${ID} --script ${folder}/none`)).code).toBe(2);
});

it('stops a running remedy with a reason', async () => {
  platform.on(`POST /incidents/${ID}/stop`, {
    json: anIncident({
      advice: 'Stopped by jane: odd',
      remedies: { ...NO_REMEDIES, STOPPED: 1, SKIPPED: 2 },
    }),
  });
  const { code, stdout } = await eucora(platform, `incidents stop ${ID} --reason odd`);
  expect([code, platform.bodies(stopIncidentSchema)]).toEqual([0, [{ reason: 'odd' }]]);
  expect(stdout).toContain('1 STOPPED');
  platform.on(`POST /incidents/${ID}/stop`, refuse('incident-state-conflict', { incident_status: 'CLOSED' }));
  expect((await eucora(platform, `incidents stop ${ID} --reason odd`)).code).toBe(1);
  expect((await eucora(platform, `incidents stop ${ID}`)).code).toBe(2);
});

it('rejects with a reason, and asks again with a wish', async () => {
  platform.on(`POST /incidents/${ID}/reject`, {
    json: anIncident({ status: 'CLOSED', outcome: 'REJECTED' }),
  });
  platform.on(`POST /incidents/${ID}/ask`, { json: anIncident({ status: 'OPENED' }) });
  await eucora(platform, `incidents reject ${ID} --reason known`);
  expect(platform.bodies(rejectIncidentSchema)).toEqual([{ reason: 'known' }]);
  platform.seen.length = 0;
  await eucora(platform, `incidents ask ${ID} --wish gently`);
  expect(platform.bodies(askIncidentSchema)).toEqual([{ wish: 'gently' }]);
  expect((await eucora(platform, `incidents reject ${ID}`)).code).toBe(2);
});

describe('watch', () => {
  const replies = (...seen: readonly Partial<IncidentDetail>[]) =>
    platform.sequence(
      `GET /incidents/${ID}`,
      seen.map((changes) => ({ json: anIncident(changes) })),
    );

  it('prints each change until the incident is closed', async () => {
    const closed = {
      status: 'CLOSED',
      outcome: 'RESOLVED',
      remedies: { ...NO_REMEDIES, HEALTHY: 499 },
    } as const;
    replies({ status: 'OPENED', label: null }, {}, {}, { status: 'CANARY' }, closed);
    const { code, stdout } = await eucora(platform, `incidents watch ${ID}`);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(4);
    expect(stdout).toContain('AWAITING_DECISION  500 on 499 devices  INSTALLATION_FAILURE  Sure enough');
    expect(stdout).toContain('CLOSED RESOLVED  500 on 499 devices  INSTALLATION_FAILURE  499 HEALTHY');
  });

  it('ends at a decision when it is told to, and gives programs JSON', async () => {
    replies({ status: 'OPENED' }, {});
    const { code, stdout } = await eucora(platform, `incidents watch ${ID} --decision --json`);
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).status),
    ).toEqual(['OPENED', 'AWAITING_DECISION']);
  });

  it('ends with 4 when it was not resolved, and bears an outage', async () => {
    platform.sequence(`GET /incidents/${ID}`, [
      ...Array.from({ length: 8 }, () => refuse('unavailable')),
      { json: anIncident({ status: 'CLOSED', outcome: 'REJECTED', decision_note: 'known' }) },
    ]);
    const { code, stderr } = await eucora(platform, `incidents watch ${ID}`);
    expect(code).toBe(4);
    expect(stderr).toContain('the platform does not answer; trying on');
    expect(stderr).toContain('The incident was closed as REJECTED');
    platform.on(`GET /incidents/${ID}`, refuse('unavailable'));
    expect((await eucora(platform, `incidents watch ${ID} --patience 1s`)).code).toBe(3);
  });
});
