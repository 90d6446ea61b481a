import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployPayload, remediatePayload, updatePayload } from '../../../contracts/agent-task/payload.ts';
import { createTaskSchema, createTasksSchema } from '../../../contracts/agent-task/task.ts';
import { FakePlatform, refuse } from './support/platform.ts';
import { AGENT_ID, anArtifact, aTask, OTHER_ID, SHA256 } from './support/samples.ts';
import { eucora } from './support/session.ts';

const CONTENT = 'hello';
const HASH = createHash('sha256').update(CONTENT).digest('hex');
let platform: FakePlatform;
let folder: string;
let file: string;
beforeAll(async () => {
  platform = await FakePlatform.start();
  folder = await mkdtemp(join(tmpdir(), 'eucora-cli-'));
  file = join(folder, 'tool.deb');
  await writeFile(file, CONTENT);
});
beforeEach(() => {
  platform.reset();
  platform.on('POST /tasks', { status: 201, json: aTask() });
  platform.on('POST /tasks/bulk', { json: { count: 2, correlation_id: 'corr-bulk' } });
  platform.on('POST /artifacts', { status: 201, json: anArtifact({ sha256: HASH }) });
});
afterAll(async () => {
  await platform.stop();
  await rm(folder, { recursive: true });
});

const create = (rest: string, stdin?: readonly string[]) =>
  eucora(platform, `tasks create ${rest}`, stdin === undefined ? {} : { stdin });

describe('for one agent', () => {
  it('collects', async () => {
    const { code, stdout } = await create(
      `collect --agent ${AGENT_ID} --what system,telemetry --timeout 10m --max-retries 1`,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^TYPE +COLLECT$/m);
    expect(platform.bodies(createTaskSchema)).toEqual([
      {
        agent_id: AGENT_ID,
        task_type: 'COLLECT',
        payload: { collect: ['system', 'telemetry'] },
        timeout_seconds: 600,
        max_retries: 1,
      },
    ]);
  });

  it('takes the shared options before the kind, too', async () => {
    const { code } = await create(`--agent ${AGENT_ID} collect --json`);
    expect(code).toBe(0);
    expect(platform.bodies(createTaskSchema)).toMatchObject([{ payload: {}, timeout_seconds: 3_600 }]);
  });

  it('creates one task even when the first answer is lost', async () => {
    platform.sequence('POST /tasks', [
      { hangUp: true },
      refuse('unavailable'),
      { status: 201, json: aTask() },
    ]);
    const { code, pauses } = await create(`collect --agent ${AGENT_ID}`);
    expect({ code, pauses }).toEqual({ code: 0, pauses: [250, 1_000] });
    const keys = platform.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('gives another command another key', async () => {
    await create(`collect --agent ${AGENT_ID}`);
    await create(`collect --agent ${AGENT_ID}`);
    expect(new Set(platform.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
  });

  it('uploads the package, then deploys it', async () => {
    const { code, stderr } = await create(
      `deploy --agent ${AGENT_ID} --artifact ${file} --package tool --version 1.0 --format deb --intent wave-1 ` +
        `--detect-file /opt/tool --detect-sha256 ${SHA256} --detect-package tool --detect-version 1.0`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: `Uploaded tool.deb: ${HASH}\n` });
    const [upload, created] = platform.seen;
    expect(upload).toMatchObject({
      path: '/artifacts',
      query: { name: 'tool.deb', sha256: HASH },
      body: CONTENT,
      headers: { 'content-type': 'application/octet-stream', 'content-length': '5' },
    });
    const { payload } = createTaskSchema.parse(JSON.parse(created?.body ?? ''));
    expect(deployPayload.parse(payload)).toEqual({
      action: 'install',
      package_name: 'tool',
      package_version: '1.0',
      format: 'deb',
      artifact: { sha256: HASH, size_bytes: 5, name: 'tool.deb' },
      detection: {
        file_exists: '/opt/tool',
        file_sha256: SHA256,
        package_name: 'tool',
        package_version: '1.0',
      },
      deployment_intent: 'wave-1',
    });
  });

  it('names an artifact that the platform has by its hash', async () => {
    await create(
      `deploy --agent ${AGENT_ID} --artifact ${SHA256.toUpperCase()} --package tool --version 1.0`,
    );
    expect(platform.seen.map(({ path }) => path)).toEqual(['/tasks']);
    const [task] = platform.bodies(createTaskSchema);
    expect(task?.payload).toEqual({
      package_name: 'tool',
      package_version: '1.0',
      artifact: { sha256: SHA256 },
    });
  });

  it('creates no task when the upload is refused', async () => {
    platform.on('POST /artifacts', refuse('payload-too-large'));
    const { code } = await create(`update --agent ${AGENT_ID} --artifact ${file} --version 2.0`);
    expect(code).toBe(1);
    expect(platform.seen.map(({ path }) => path)).toEqual(['/artifacts']);
  });

  it('updates the agent', async () => {
    await create(`update --agent ${AGENT_ID} --artifact ${SHA256} --version 2.0 --health-timeout 2m`);
    const [task] = platform.bodies(createTaskSchema);
    expect(task?.task_type).toBe('UPDATE');
    expect(updatePayload.parse(task?.payload)).toMatchObject({ version: '2.0', health_timeout_seconds: 120 });
  });

  it.each([
    ['a file', () => file, undefined],
    ['standard input', () => '-', [CONTENT]],
  ])('remediates by a script from %s', async (_source, script, stdin) => {
    await create(
      `remediate --agent ${AGENT_ID} --script ${script()} --interpreter bash --time-limit 1m`,
      stdin,
    );
    const [task] = platform.bodies(createTaskSchema);
    expect(remediatePayload.parse(task?.payload)).toEqual({
      script: CONTENT,
      interpreter: 'bash',
      time_limit_seconds: 60,
    });
  });
});

describe('raw', () => {
  it.each([
    ['{"a":1}', undefined],
    ['@-', ['{"a":', '1}']],
  ])('takes %s', async (payload, stdin) => {
    await create(`--agent ${AGENT_ID} --type COLLECT --payload ${payload}`, stdin);
    expect(platform.bodies(createTaskSchema)).toMatchObject([{ payload: { a: 1 } }]);
  });

  it('takes a file, and nothing at all', async () => {
    const payload = join(folder, 'payload.json');
    await writeFile(payload, '{"b":2}');
    await create(`--agent ${AGENT_ID} --type COLLECT --payload @${payload}`);
    await create(`--agent ${AGENT_ID} --type COLLECT`);
    expect(platform.bodies(createTaskSchema).map((task) => task.payload)).toEqual([{ b: 2 }, {}]);
  });
});

describe('for a selection', () => {
  it('creates tasks for all that fit', async () => {
    const { stdout, stderr } = await create(
      'collect --platform linux --tag site=zurich --status ONLINE --hostname desk --agent-version 1 --offline',
    );
    expect(stdout).toBe('2 agents got a task.\n');
    expect(stderr).toBe('To see them: eucora tasks list --correlation corr-bulk\n');
    expect(platform.bodies(createTasksSchema)).toMatchObject([
      {
        selection: {
          platform: 'linux',
          tag: 'site=zurich',
          status: 'ONLINE',
          hostname: 'desk',
          agent_version: '1',
          is_online: false,
        },
      },
    ]);
  });

  it('creates tasks for several agents', async () => {
    await create(`collect --agent ${AGENT_ID} --agent ${OTHER_ID}`);
    await create(`collect --agent ${AGENT_ID} --online`);
    expect(platform.bodies(createTasksSchema).map(({ selection }) => selection)).toEqual([
      { agent_ids: [AGENT_ID, OTHER_ID] },
      { agent_ids: [AGENT_ID], is_online: true },
    ]);
  });

  it('says how many may fit at most, also where it only counts', async () => {
    platform.on('POST /tasks/bulk', refuse('too-many-agents'));
    for (const line of ['collect --online --max-agents 5', 'collect --online --max-agents 5 --dry-run']) {
      const { code, stderr } = await create(line);
      expect(code).toBe(1);
      expect(stderr).toContain('Code: too-many-agents');
    }
    expect(platform.bodies(createTasksSchema).map(({ max_agents }) => max_agents)).toEqual([5, 5]);
    expect((await create('collect --online --max-agents 0')).code).toBe(2);
  });

  it('only counts with --dry-run, and uploads nothing', async () => {
    platform.on('POST /tasks/bulk', { json: { count: 1, correlation_id: 'corr-dry' } });
    const line = `deploy --platform linux --dry-run --artifact ${file} --package tool --version 1.0`;
    expect((await create(line)).stdout).toBe('1 agent would get a task; none was created.\n');
    expect((await create(`${line} --json`)).json()).toEqual({
      dry_run: true,
      count: 1,
      correlation_id: 'corr-dry',
    });
    expect(platform.seen.map(({ path, query }) => [path, query])).toEqual([
      ['/tasks/bulk', { dry_run: 'true' }],
      ['/tasks/bulk', { dry_run: 'true' }],
    ]);
  });

  it('is not sent again blindly', async () => {
    platform.on('POST /tasks/bulk', refuse('unavailable'));
    const { code } = await create('collect --platform linux');
    expect(code).toBe(3);
    expect(platform.seen).toHaveLength(1);
  });
});

describe('wrong use', () => {
  it.each([
    ['collect', 'not said which agents'],
    [`--agent ${AGENT_ID}`, 'What the task is to do is missing'],
    [`--agent ${AGENT_ID} --type COLLECT --payload [1]`, 'not a JSON object'],
    [`--agent ${AGENT_ID} --type COLLECT --payload {`, 'not a JSON object'],
    [`--agent ${AGENT_ID} --type COLLECT --payload @/nowhere`, '/nowhere cannot be read'],
    [`--agent ${AGENT_ID} --type NAP`, 'Give one of: DEPLOY'],
    [`remediate --agent ${AGENT_ID} --script /nowhere`, '/nowhere cannot be read'],
    [`update --agent ${AGENT_ID} --version 1 --artifact /nowhere`, '/nowhere cannot be read'],
    [`update --agent ${AGENT_ID} --version 1 --artifact /tmp`, 'it is not a file'],
    [`update --agent ${AGENT_ID}`, "required option '--artifact"],
    ['collect --agent x', 'Ids are UUIDs'],
    [`collect --agent ${AGENT_ID} --timeout soon`, 'Give a time span'],
    [`collect --agent ${AGENT_ID} --max-retries -1`, 'whole number from 0 to 100'],
    [`collect --agent ${AGENT_ID} --max-retries 101`, 'whole number from 0 to 100'],
    [`collect --agent ${AGENT_ID} --what money`, 'Give one of: installed_software'],
  ])('%s', async (rest, told) => {
    const { code, stdout, stderr } = await create(rest);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(told);
    expect(platform.seen).toEqual([]);
  });

  it('reads no endless script', async () => {
    const { stderr } = await create(`remediate --agent ${AGENT_ID} --script -`, ['x'.repeat(600_000)]);
    expect(stderr).toContain('standard input holds more than 524288 bytes');
  });
});
