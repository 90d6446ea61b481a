import { createHash } from 'node:crypto';
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alertListQuery } from '../../../contracts/agent-presence/alert.ts';
import { artifactListQuery, artifactUploadQuery } from '../../../contracts/artifact/artifact.ts';
import { AUDIT_KINDS, auditListQuery } from '../../../contracts/audit/audit.ts';
import { deploymentStatusQuery } from '../../../contracts/telemetry/telemetry.ts';
import { FakePlatform, pageWith, type Reply, refuse } from './support/platform.ts';
import {
  AGENT_ID,
  aDeployment,
  anAlert,
  anArtifact,
  anAuditEvent,
  anIdentity,
  SHA256,
  TASK_ID,
} from './support/samples.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

it('lists audit events by every filter', async () => {
  platform.list('/audit-events', auditListQuery, pageWith([anAuditEvent]));
  const { stdout } = await eucora(
    platform,
    `audit list --object-type agent_task --object ${TASK_ID} --actor ci --action agent_task.start --agent-status OFFLINE --kind change ` +
      '--correlation corr-1 --after 1d --before 1h',
  );
  expect(stdout).toContain(`agent_task.start  change  agent ${AGENT_ID}`);
  expect(platform.seen[0]?.query).toEqual({
    object_type: 'agent_task',
    object_id: TASK_ID,
    actor_id: 'ci',
    action: 'agent_task.start',
    agent_status: 'OFFLINE',
    kind: 'change',
    correlation_id: 'corr-1',
    after: '2026-11-21T08:00:00.000Z',
    before: '2026-11-22T07:00:00.000Z',
    limit: '50',
  });
});

it.each(AUDIT_KINDS)('lists audit events of the kind %s', async (kind) => {
  platform.list('/audit-events', auditListQuery, pageWith([anAuditEvent]));
  expect((await eucora(platform, `audit list --kind ${kind}`)).code).toBe(0);
  expect(platform.seen[0]?.query).toMatchObject({ kind });
});

it.each([
  ['--open', 'true'],
  ['--resolved', 'false'],
])('lists alerts with %s', async (flag, open) => {
  platform.list('/alerts', alertListQuery, pageWith([anAlert]));
  const { stdout } = await eucora(platform, `alerts list --agent ${AGENT_ID} ${flag}`);
  expect(stdout).toMatch(/agent_offline .* desk-1 +3 min ago +- +failed +status 500/);
  expect(platform.seen[0]?.query).toEqual({ agent_id: AGENT_ID, open, limit: '50' });
});

it('lists deployments', async () => {
  platform.list(
    '/deployment-statuses',
    deploymentStatusQuery,
    pageWith([aDeployment(), aDeployment({ status: 'FAILED', progress: null, error: 'hash' })]),
  );
  const { stdout } = await eucora(
    platform,
    `deployments reports --agent ${AGENT_ID} --task ${TASK_ID} --package tool`,
  );
  expect(stdout).toMatch(/tool 1\.0 +INSTALLED +100 % +\S{36} +-/);
  expect(stdout).toMatch(/FAILED +- +\S{36} +hash/);
  expect(platform.seen[0]?.query).toMatchObject({ task_id: TASK_ID, package_name: 'tool' });
});

it('sums the fleet up', async () => {
  const summary = {
    total: 3,
    by_status: { ONLINE: 2, OFFLINE: 1, DEGRADED: 0, UNKNOWN: 0 },
    by_platform: { windows: 0, macos: 0, linux: 3 },
    by_agent_version: { '1.2.0': 3 },
  };
  platform.on('GET /fleet/summary', { json: summary });
  const { stdout } = await eucora(platform, 'fleet');
  expect(stdout).toMatch(/^status +ONLINE +2$/m);
  expect(stdout).toMatch(/^total +- +3$/m);
  expect((await eucora(platform, 'fleet --json')).json()).toEqual(summary);
});

it('says who one is', async () => {
  platform.on('GET /whoami', { json: anIdentity });
  const { stdout } = await eucora(platform, 'whoami');
  expect(stdout).toBe('NAME    admin\nSCOPES  admin\nVIA     token\n');
});

it('gives the CA certificate without a token', async () => {
  platform.on('GET /ca-certificate', { text: '-----BEGIN CERTIFICATE-----\n' });
  const { stdout } = await eucora(undefined, `ca-certificate --api ${platform.url}`);
  expect(stdout).toBe('-----BEGIN CERTIFICATE-----\n');
  expect(platform.seen[0]?.headers.authorization).toBeUndefined();
});

it('tells when there is no CA certificate', async () => {
  const { code } = await eucora(platform, 'ca-certificate');
  expect(code).toBe(1);
});

describe('artifacts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eucora-cli-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are uploaded as they are', async () => {
    const content = Buffer.alloc(300_000, 'ä');
    await writeFile(join(folder, 'a.bin'), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    platform.on('POST /artifacts', ({ query, body }) => {
      const { name, sha256: told } = artifactUploadQuery.parse(query);
      expect(createHash('sha256').update(body, 'utf8').digest('hex')).toBe(told);
      return { status: 201, json: anArtifact({ name, sha256, size_bytes: body.length }) };
    });
    const { code, stdout } = await eucora(platform, `artifacts upload ${join(folder, 'a.bin')} --name b.bin`);
    expect(code).toBe(0);
    expect(stdout).toContain(sha256);
    expect(platform.seen[0]?.query).toEqual({ name: 'b.bin', sha256 });
  });

  // More than lies between the two ends of a connection: the rest is read once the change has happened.
  const LARGE = 32 * 1_048_576;
  it.each<[string, string, (path: string) => void, Reply]>([
    ['grows shorter', 'changed', (path) => truncateSync(path, 1_000), { status: 201 }],
    ['grows longer', 'changed', (path) => appendFileSync(path, Buffer.alloc(LARGE)), { status: 201 }],
    [
      'gets other content',
      'changed',
      (path) => writeFileSync(path, Buffer.alloc(LARGE, 1)),
      refuse('validation-failed'),
    ],
    ['is removed', 'went away', (path) => rmSync(path), refuse('validation-failed')],
  ])(
    'that one %s while it is sent is said, and no trouble of the network',
    async (how, told, change, reply) => {
      const path = join(folder, `${how.replaceAll(' ', '-')}.bin`);
      await writeFile(path, Buffer.alloc(LARGE));
      platform.onHead = () => change(path);
      platform.on('POST /artifacts', reply);
      const { code, stdout, stderr } = await eucora(platform, `artifacts upload ${path}`);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toBe(
        `eucora: ${path} ${told} while it was sent\n  What to do: Let whatever writes it come to its end, and then run the command again.\n`,
      );
    },
  );

  it('that did not change are told as what went wrong', async () => {
    const path = join(folder, 'same.bin');
    await writeFile(path, 'same');
    platform.on('POST /artifacts', refuse('store-full'));
    expect((await eucora(platform, `artifacts upload ${path}`)).stderr).toContain('Code: store-full');
    platform.on('POST /artifacts', { hangUp: true });
    expect((await eucora(platform, `artifacts upload ${path}`)).stderr).toContain('was not reached');
  });

  it('are listed', async () => {
    platform.list('/artifacts', artifactListQuery, pageWith([anArtifact()]));
    const { stdout } = await eucora(platform, 'artifacts list');
    expect(stdout).toMatch(new RegExp(`${SHA256} +tool\\.deb +5 +3 min ago +admin`));
  });
});

describe('platform start', () => {
  it('runs the platform on the data folder', async () => {
    const runPlatform = jest.fn(async ({ sink }: { sink: { write(text: string): unknown } }) => {
      sink.write('up\n');
      return 0;
    });
    const plain = await eucora(undefined, 'platform start --data-dir /data', { runPlatform });
    expect(plain).toMatchObject({ code: 0, stdout: 'up\n', stderr: '' });
    expect(runPlatform).toHaveBeenCalledWith(expect.objectContaining({ dataDirectory: '/data' }));
    const json = await eucora(undefined, 'platform start --json', { runPlatform });
    expect(json).toMatchObject({ code: 0, stdout: '', stderr: 'up\n' });
  });

  it.each([
    [3, 1, 'Another platform uses the data folder'],
    [1, 3, 'did not start or stop as it should'],
  ])('ends %i as %i', async (outcome, expected, told) => {
    const { code, stderr } = await eucora(undefined, 'platform start', { runPlatform: async () => outcome });
    expect(code).toBe(expected);
    expect(stderr).toContain(told);
  });
});
