import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../agent/exit-codes.ts';
import { refuse, TestPlatform, type TestTask } from './platform.ts';
import {
  buildDeb,
  configFor,
  eventually,
  pause,
  removeFolders,
  type Started,
  sha256,
  startAgent,
  temporaryFolder,
} from './support.ts';

let platform: TestPlatform;
let agents: Started[];
beforeEach(async () => {
  platform = await TestPlatform.start();
  platform.intervals = { heartbeat: 0, telemetry: 60 };
  agents = [];
});
afterEach(async () => {
  for (const agent of agents) await agent.stop().catch(() => undefined);
  await platform.down().catch(() => undefined);
  removeFolders();
  expect(platform.violations).toEqual([]);
});

async function start(
  ...args: Parameters<typeof startAgent> extends [unknown, ...infer R] ? R : never
): Promise<Started> {
  const agent = await startAgent(platform, ...args);
  agents.push(agent);
  return agent;
}
const online = () => eventually(() => platform.heartbeats.length > 0, 'a heartbeat');
const ended = (task: TestTask, status: string) =>
  eventually(() => task.status === status, `${task.type} ${status}`);
const said = (task: TestTask) => task.words.filter((word) => word !== 'progress');

describe('an agent', () => {
  it('enrols, says heartbeats, sends telemetry and does every kind of task', async () => {
    const agent = await start();
    await online();
    expect(platform.heartbeats[0]).toMatchObject({
      agent_version: '1.0.0',
      status: 'ONLINE',
      last_error: null,
      hardware_id: 'test-machine-1',
      counters: { tasks_running: 0 },
    });
    const deb = buildDeb('demo', '1.0', { 'opt/demo/a': 'x' });
    platform.artifacts.set(sha256(deb), deb);
    const deploy = { package_name: 'demo', package_version: '1.0', detection: { file_exists: 'opt/demo/a' } };
    const tasks = [
      platform.addTask('COLLECT', {}),
      platform.addTask('DEPLOY', { ...deploy, artifact: { sha256: sha256(deb) } }),
      platform.addTask('REMEDIATE', { script: 'echo done' }),
      platform.addTask('UPDATE', { version: '1.0.0', artifact: { sha256: sha256(deb) } }),
    ];
    for (const task of tasks) {
      await ended(task, 'COMPLETED');
      expect(said(task)).toEqual(['start', 'complete']);
    }
    expect(tasks[0]?.result).toMatchObject({ installed_software_count: expect.any(Number) });
    expect(tasks[3]?.result).toMatchObject({ already_running: true });
    const wrong = platform.addTask('DEPLOY', {
      ...deploy,
      detection: { file_exists: 'opt/other' },
      artifact: { sha256: sha256('other'), url: `/api/v1/artifacts/${sha256(deb)}` },
    });
    await ended(wrong, 'FAILED');
    expect(wrong.error).toMatch(/SHA-256/);
    await eventually(() => platform.telemetry.length > 0);
    expect(platform.telemetry[0]).toMatchObject({
      memory_percent: expect.any(Number),
      installed_software: expect.any(Array),
    });
    expect(platform.reports.map(({ status }) => status)).toEqual(
      expect.arrayContaining(['DOWNLOADING', 'INSTALLED', 'FAILED']),
    );
    const word = platform.seen.find(({ path }) => path.endsWith('/complete'));
    expect(word?.correlationId).toMatch(/^test-/);
    expect(await agent.stop()).toBe(EXIT.ok);
    expect(JSON.stringify(agent.lines)).not.toContain('good-key');
  });

  it('collects what the system is', async () => {
    await start();
    await online();
    const task = platform.addTask('COLLECT', { collect: ['system', 'telemetry'] });
    await ended(task, 'COMPLETED');
    expect(task.result).toMatchObject({
      system: { platform: 'linux' },
      telemetry: { memory_total_mb: expect.any(Number) },
    });
  });

  it('does not begin without a registration key, and says so', async () => {
    const agent = await start({ config: { ...configFor(platform), registrationKey: undefined } });
    await expect(agent.ended).rejects.toThrow(/has no registration key/);
  });

  it('waits for a platform that is away when it first starts', async () => {
    await platform.down();
    const agent = await start();
    await eventually(() => agent.lines.some(({ message }) => message.includes('could not enrol yet')));
    await platform.up();
    await online();
  });

  it('can be stopped before it has enrolled', async () => {
    await platform.down();
    const agent = await start();
    await pause(50);
    expect(await agent.stop()).toBe(EXIT.ok);
    await platform.up();
  });

  it('clears away old downloads and scratch, and keeps young ones', async () => {
    const config = configFor(platform);
    for (const folder of ['downloads', 'scratch/script-1'])
      mkdirSync(join(config.home, folder), { recursive: true });
    for (const name of ['old.part', 'young.part']) writeFileSync(join(config.home, 'downloads', name), 'x');
    utimesSync(join(config.home, 'downloads/old.part'), 1, 1);
    await start({ config });
    await online();
    expect(readdirSync(join(config.home, 'downloads'))).toEqual(['young.part']);
    expect(readdirSync(join(config.home, 'scratch'))).toEqual([]);
  });

  it('answers one heartbeat for diagnosis, and keeps the tasks that it hands over', async () => {
    const agent = await start();
    await online();
    await agent.stop();
    const task = platform.addTask('REMEDIATE', { script: 'echo later' });
    const { AgentWorker } = await import('../../agent/worker/worker.ts');
    const { run } = await import('../../agent/process/run.ts');
    const make = (config = agent.config) =>
      AgentWorker.create({
        config,
        log: agent.log,
        version: '1.0.0',
        supervised: false,
        run,
        platform: 'linux',
        isRoot: false,
      });
    expect(await (await make()).once()).toMatchObject({ status: 'ONLINE', pending_tasks: [{ id: task.id }] });
    expect(task.status).toBe('ASSIGNED');
    await start({ config: agent.config });
    await ended(task, 'COMPLETED');
    expect(await (await make(configFor(platform))).once()).toMatchObject({ pending_tasks: [] });
  });
});

describe('while the platform is away', () => {
  it('a task is done to its end, and replayed from start to complete', async () => {
    const agent = await start();
    await online();
    let away = false;
    platform.intercept = (seen, response) => {
      if (seen.path.endsWith('/start')) away = true;
      return away && refuse(response, 'unavailable');
    };
    const task = platform.addTask('REMEDIATE', { script: 'echo alone' });
    await eventually(() => agent.lines.some(({ message }) => message === 'Task finished'));
    expect([task.status, task.words]).toEqual(['ASSIGNED', []]);
    away = false;
    platform.intercept = () => false;
    await ended(task, 'COMPLETED');
    expect(said(task)).toEqual(['start', 'complete']);
  });

  it('words and telemetry outlive the agent, and are sent by the next one', async () => {
    const agent = await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 0.5; echo slow' });
    await ended(task, 'IN_PROGRESS');
    await platform.down();
    await eventually(() => agent.lines.some(({ message }) => message === 'Task finished'));
    await agent.stop();
    expect(
      readdirSync(join(agent.config.home, 'queue')).some((name) => name.endsWith('.complete.json')),
    ).toBe(true);
    await platform.up();
    await start({ config: agent.config });
    await ended(task, 'COMPLETED');
  });

  it.each([
    ['cancelled', 'CANCELLED'],
    ['timed out', 'TIMEOUT'],
  ] as const)('a task that was %s meanwhile stays so', async (_what, status) => {
    const agent = await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 0.3' });
    await ended(task, 'IN_PROGRESS');
    await platform.down();
    task.status = status;
    await eventually(() => agent.lines.some(({ message }) => message === 'Task finished'));
    await platform.up();
    await eventually(() => agent.worker.parts.outbox.counters.words === 0);
    await eventually(() => agent.worker.parts.journal.get(task.id)?.decided === status);
    expect(task.status).toBe(status);
  });
});

describe('tasks', () => {
  it('are stopped when the platform decides otherwise', async () => {
    const agent = await start();
    await online();
    const mark = join(temporaryFolder(), 'mark');
    const task = platform.addTask('REMEDIATE', { script: `sleep 30; touch ${mark}` });
    await ended(task, 'IN_PROGRESS');
    task.status = 'CANCELLED';
    await eventually(() =>
      agent.lines.some(({ message }) => message.includes('the platform decided otherwise')),
    );
    await eventually(() => agent.worker.parts.runner.counters.running === 0);
    expect(said(task)).toEqual(['start']);
    const next = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(next, 'COMPLETED');
    expect(existsSync(mark)).toBe(false);
  });

  it('are not begun when the platform refuses their start, and done when it hands them over anew', async () => {
    const agent = await start();
    await online();
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/start') && refuse(response, 'task-state-conflict', { task_status: 'CANCELLED' });
    const cancelled = platform.addTask('REMEDIATE', { script: 'true' });
    await eventually(() => agent.worker.parts.journal.get(cancelled.id)?.decided === 'CANCELLED');
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/start') && refuse(response, 'task-state-conflict', { task_status: 'PENDING' });
    const pending = platform.addTask('REMEDIATE', { script: 'true' });
    await eventually(() => pending.status === 'ASSIGNED');
    await eventually(() => agent.worker.parts.journal.get(pending.id) === undefined);
    platform.intercept = () => false;
    pending.status = 'PENDING';
    await ended(pending, 'COMPLETED');
  });

  it('end by their own time limit', async () => {
    await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' }, { timeoutSeconds: 1 });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(/did not end within its 1 seconds/);
  });

  it('tell that they are alive, and fail with the executor’s error', async () => {
    await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 0.4' });
    await ended(task, 'COMPLETED');
    expect(task.progress.length).toBeGreaterThan(2);
    const bad = platform.addTask('DEPLOY', { nothing: true });
    await ended(bad, 'FAILED');
    expect(bad.error).toMatch(/payload does not fit DEPLOY/);
  });

  it('handed over twice are done once, and their answer is said again', async () => {
    const agent = await start();
    await online();
    const marks = temporaryFolder();
    const script = `mktemp ${marks}/XXXXXX; sleep 0.3`;
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    task.status = 'PENDING';
    await ended(task, 'IN_PROGRESS');
    await ended(task, 'COMPLETED');
    task.status = 'PENDING';
    task.words.length = 0;
    await ended(task, 'COMPLETED');
    expect(said(task)).toEqual(['start', 'complete']);
    expect(readdirSync(marks)).toHaveLength(1);
    expect(agent.worker.parts.journal.all()).toHaveLength(1);
  });

  it('that wait are claimed before their hand-over counts as lost', async () => {
    await start();
    await online();
    const first = platform.addTask('REMEDIATE', { script: 'sleep 0.6' });
    await ended(first, 'IN_PROGRESS');
    const second = platform.addTask('REMEDIATE', { script: 'true' });
    const third = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(second, 'IN_PROGRESS');
    expect(first.status).toBe('IN_PROGRESS');
    await eventually(() => second.progress.includes('Waits for other tasks of this agent'));
    await ended(third, 'IN_PROGRESS');
    third.status = 'CANCELLED';
    third.words.length = 0;
    for (const task of [first, second]) await ended(task, 'COMPLETED');
    expect(said(second)).toEqual(['start', 'complete']);
  });

  it('run side by side where that is configured', async () => {
    await start({ config: configFor(platform, { EUCORA_AGENT_CONCURRENCY: '2' }) });
    await online();
    const tasks = [1, 2].map(() => platform.addTask('REMEDIATE', { script: 'sleep 0.5' }));
    await eventually(() => tasks.every(({ status }) => status === 'IN_PROGRESS'));
    for (const task of tasks) await ended(task, 'COMPLETED');
  });

  it('that are stopped with the agent fail by its word', async () => {
    const agent = await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' });
    await ended(task, 'IN_PROGRESS');
    await agent.stop();
    expect(task.status).toBe('FAILED');
    expect(task.error).toBe('The agent stopped while the task was running');
  });

  it('that were running when the agent died fail at its next start; those that waited are done', async () => {
    const config = configFor(platform);
    const first = await start({ config });
    await online();
    await first.stop();
    const agentId = [...platform.agents.keys()][0] ?? '';
    const entry = (state: string, order: number, more = {}) => {
      const task = platform.addTask('REMEDIATE', { script: 'true' }, { agentId });
      task.status = state === 'accepted' ? 'ASSIGNED' : 'IN_PROGRESS';
      const handed = {
        id: task.id,
        task_type: task.type,
        status: 'ASSIGNED',
        payload: task.payload,
        timeout_seconds: 60,
        correlation_id: 'c',
        created_at: new Date().toISOString(),
      };
      const written = { task: handed, state, order, accepted_at: new Date().toISOString(), ...more };
      writeFileSync(join(config.home, 'tasks', `${task.id}.json`), JSON.stringify(written));
      return task;
    };
    const running = entry('running', 1, { started_at: new Date().toISOString() });
    const waiting = entry('accepted', 2);
    const untold = entry('done', 3, { outcome: { word: 'complete', body: { result: { kept: true } } } });
    const late = entry('claimed', 4, { started_at: new Date(Date.now() - 120_000).toISOString() });
    writeFileSync(join(config.home, 'tasks', `${randomUUID()}.json`), '{"task":');
    writeFileSync(join(config.home, 'tasks', 'x.json.1.tmp'), 'half');
    const second = await start({ config });
    await ended(running, 'FAILED');
    expect(running.error).toBe('The agent stopped while the task was running');
    await ended(waiting, 'COMPLETED');
    await ended(untold, 'COMPLETED');
    expect(untold.result).toEqual({ kept: true });
    await ended(late, 'FAILED');
    expect(late.error).toMatch(/did not end within its 60 seconds/);
    expect(second.lines.some(({ message }) => message.includes('broken and put aside'))).toBe(true);
    expect(readdirSync(join(config.home, 'tasks')).filter((name) => name.endsWith('.corrupt'))).toHaveLength(
      1,
    );
  });

  it('are not accepted when the journal cannot keep them', async () => {
    const agent = await start();
    await online();
    const spy = jest
      .spyOn(agent.worker.parts.journal, 'accept')
      .mockRejectedValueOnce(new Error('ENOSPC: disk full'));
    const task = platform.addTask('REMEDIATE', { script: 'true' });
    await eventually(() => platform.heartbeats.some(({ last_error }) => last_error?.includes('disk full')));
    expect(platform.heartbeats.some(({ status }) => status === 'DEGRADED')).toBe(true);
    expect(task.words).toEqual([]);
    spy.mockRestore();
    task.status = 'PENDING';
    await ended(task, 'COMPLETED');
  });

  it('go on although the journal cannot note their changes', async () => {
    const agent = await start();
    await online();
    const task = platform.addTask('REMEDIATE', { script: 'sleep 0.3' });
    await ended(task, 'IN_PROGRESS');
    cpSync(join(agent.config.home, 'tasks'), temporaryFolder(), { recursive: true });
    const { rmSync } = await import('node:fs');
    rmSync(join(agent.config.home, 'tasks'), { recursive: true });
    await ended(task, 'COMPLETED');
    expect(agent.lines.some(({ message }) => message.includes('could not be written to the journal'))).toBe(
      true,
    );
    await expect(agent.worker.parts.journal.update(randomUUID(), {})).rejects.toThrow(/not in the journal/);
  });

  it('that are long over are forgotten', async () => {
    const agent = await start();
    await online();
    const { journal } = agent.worker.parts;
    for (let n = 0; n < 105; n += 1) {
      const id = randomUUID();
      await journal.accept({
        id,
        task_type: 'COLLECT',
        status: 'ASSIGNED',
        payload: {},
        timeout_seconds: 1,
        correlation_id: 'c',
        created_at: new Date().toISOString(),
      });
      await journal.update(id, { state: 'done' });
    }
    expect(journal.all()).toHaveLength(100);
  });
});

describe('identity', () => {
  it('a machine that is told to be a clone becomes an agent of its own, and drops the original’s work', async () => {
    const agent = await start();
    await online();
    const original = [...platform.agents.keys()][0] ?? '';
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' });
    await ended(task, 'IN_PROGRESS');
    platform.cloned.add(original);
    await eventually(() => platform.agents.size === 2);
    const own = [...platform.agents.keys()][1] ?? '';
    const next = platform.addTask('REMEDIATE', { script: 'true' }, { agentId: own });
    await ended(next, 'COMPLETED');
    expect(said(task)).toEqual(['start']);
    expect(JSON.parse(readFileSync(join(agent.config.home, 'identity.json'), 'utf8')).agent_id).toBe(own);
    // Told so again at once, it does not change a second time.
    platform.cloned.add(own);
    await eventually(() => agent.lines.some(({ reason }) => String(reason).includes('changed just now')));
    await pause(200);
    expect(platform.agents.size).toBe(2);
    expect(platform.seen.filter(({ path }) => path.endsWith('/register'))).toHaveLength(2);
  });

  it('a clone whose new enrolment fails tries again slowly', async () => {
    const agent = await start();
    await online();
    const original = [...platform.agents.keys()][0] ?? '';
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/register') && refuse(response, 'unavailable');
    platform.cloned.add(original);
    await eventually(() =>
      agent.lines.some(({ message }) => message.includes('does not accept this agent’s identity')),
    );
    platform.intercept = () => false;
    await eventually(() => platform.agents.size === 2);
  });

  it('an identity that was copied to another machine is left before any work', async () => {
    const agent = await start();
    await online();
    await agent.stop();
    const copy = temporaryFolder();
    cpSync(agent.config.home, copy, { recursive: true });
    const beats = platform.heartbeats.length;
    const config = configFor(platform, {
      EUCORA_AGENT_HOME: copy,
      EUCORA_AGENT_HARDWARE_ID: 'test-machine-2',
    });
    const clone = await start({ config });
    await eventually(() => platform.heartbeats.length > beats);
    expect(platform.agents.size).toBe(2);
    expect(clone.worker.parts.session.agentId).not.toBe(agent.worker.parts.session.agentId);
    expect(
      platform.heartbeats.slice(beats).every(({ hardware_id }) => hardware_id?.startsWith('test-machine-2')),
    ).toBe(true);
  });

  it('a revoked agent stops working, knocks slowly, and works again when it is let in', async () => {
    const agent = await start({ slow: { baseMs: 30, capMs: 60 } });
    await online();
    const agentId = [...platform.agents.keys()][0] ?? '';
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' });
    await ended(task, 'IN_PROGRESS');
    platform.revoked.add(agentId);
    await eventually(
      () => agent.lines.filter(({ message }) => message.includes('shut this agent out')).length >= 2,
    );
    expect(agent.worker.parts.runner.counters.running).toBe(0);
    platform.revoked.clear();
    const next = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(next, 'COMPLETED');
  });

  it('a certificate that is not accepted is replaced by the registration key', async () => {
    const agent = await start();
    await online();
    const before = agent.worker.parts.session.identity.certificate;
    let refused = true;
    platform.intercept = (seen, response) => {
      if (seen.path.endsWith('/register')) refused = false;
      return refused && refuse(response, 'certificate-invalid');
    };
    await eventually(() => agent.worker.parts.session.identity.certificate !== before);
    const task = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(task, 'COMPLETED');
    expect(platform.agents.size).toBe(1);
  });

  it('a certificate that has run out is replaced, too, though the handshake only breaks', async () => {
    platform.validity = { fromMs: -60_000, toMs: 1_500 };
    const agent = await start();
    await online();
    platform.intercept = (seen, response) => {
      if (seen.path.endsWith('/register')) {
        platform.validity = { fromMs: -60_000, toMs: 86_400_000 };
        platform.intercept = () => false;
        return false;
      }
      response.destroy();
      return true;
    };
    await eventually(() => platform.seen.filter(({ path }) => path.endsWith('/register')).length === 2);
    const task = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(task, 'COMPLETED');
    expect(agent.lines.some(({ message }) => message === 'The heartbeat was not answered')).toBe(true);
  });

  it('a certificate is renewed in time; what goes wrong is told and tried again', async () => {
    platform.validity = { fromMs: -1_000_000, toMs: 300_000 };
    platform.intercept = (seen, response) => seen.path.endsWith('/renew') && refuse(response, 'unavailable');
    const agent = await start();
    await eventually(() => platform.heartbeats.some(({ last_error }) => last_error?.startsWith('renewal')));
    platform.validity = { fromMs: -60_000, toMs: 86_400_000 };
    platform.intercept = () => false;
    await eventually(() => agent.lines.some(({ message }) => message === 'Certificate renewed'));
    await eventually(() => platform.heartbeats.at(-1)?.last_error === null);
  });
});

describe('telemetry', () => {
  it('is taken at the platform’s pace; what goes wrong is told', async () => {
    platform.intervals = { heartbeat: 0, telemetry: 0 };
    const agent = await start();
    await eventually(() => platform.telemetry.length >= 2);
    expect(
      platform.telemetry.filter(({ installed_software }) => installed_software !== undefined),
    ).toHaveLength(1);
    jest.spyOn(agent.worker.parts.sampler, 'sample').mockRejectedValueOnce(new Error('no meter'));
    await eventually(() =>
      platform.heartbeats.some(({ last_error }) => last_error === 'telemetry: no meter'),
    );
  });
});

describe('an update', () => {
  const code = 'export {};';
  const hash = createHash('sha256').update(code).digest('hex');
  const payload = { version: '2.0.0', artifact: { sha256: hash }, health_timeout_seconds: 5 };
  beforeEach(() => {
    platform.artifacts.set(hash, Buffer.from(code));
  });

  async function handedOver(config = configFor(platform)) {
    const agent = await start({ config, supervised: true });
    await online();
    const task = platform.addTask('UPDATE', payload);
    expect(await agent.ended).toBe(EXIT.update);
    const updates = agent.worker.parts.updates;
    const update = await updates.update();
    if (update === undefined) throw new Error('no update was requested');
    return { agent, task, updates, update, config };
  }

  it('is handed to the launcher, and completed by the new version once it is committed', async () => {
    const { task, updates, update, config } = await handedOver();
    expect(update).toMatchObject({ state: 'requested', from: '1.0.0', to: '2.0.0', task_id: task.id });
    expect(readFileSync(updates.file('2.0.0'), 'utf8')).toBe(code);
    await updates.setUpdate({ ...update, state: 'trying' });
    const waiting = platform.addTask('REMEDIATE', { script: 'true' });
    const next = await start({ config, supervised: true, version: '2.0.0' });
    await eventually(() => updates.isHealthy('2.0.0', process.pid));
    await pause(150);
    expect(task.status).toBe('IN_PROGRESS');
    expect(next.worker.parts.runner.counters.running).toBe(0);
    await updates.setUpdate({ ...update, state: 'committed' });
    await ended(task, 'COMPLETED');
    expect(task.result).toMatchObject({ version: '2.0.0', previous_version: '1.0.0' });
    await ended(waiting, 'COMPLETED');
    expect(await updates.update()).toBeUndefined();
    await next.stop();
  });

  it('that was rolled back is failed by the old version, with the reason', async () => {
    const { task, updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'rolled_back', reason: 'it ended with exit code 3' });
    await start({ config, supervised: true });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(
      /2\.0\.0 did not come up: it ended with exit code 3\. Version 1\.0\.0 runs again/,
    );
    expect(task.result).toMatchObject({ rolled_back: true });
  });

  it('whose launcher is gone is failed', async () => {
    const { task, config } = await handedOver();
    await start({ config });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(/runs without its launcher/);
  });

  it('that nobody remembers is forgotten', async () => {
    const config = configFor(platform);
    const first = await start({ config });
    await online();
    await first.worker.parts.updates.setUpdate({
      task_id: randomUUID(),
      from: '0.9',
      to: '1.0.0',
      sha256: hash,
      health_timeout_seconds: 1,
      state: 'committed',
      attempts: 1,
    });
    await first.stop();
    const second = await start({ config });
    await eventually(async () => (await second.worker.parts.updates.update()) === undefined);
  });

  it('on trial can be stopped', async () => {
    const { updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'trying' });
    const next = await start({ config, supervised: true, version: '2.0.0' });
    await eventually(() => updates.isHealthy('2.0.0', process.pid));
    expect(await next.stop()).toBe(EXIT.ok);
  });

  it('is refused without a launcher, and for what cannot be a version', async () => {
    await start();
    await online();
    const alone = platform.addTask('UPDATE', payload);
    const odd = platform.addTask('UPDATE', { ...payload, version: '../../x' });
    await ended(alone, 'FAILED');
    expect(alone.error).toMatch(/without its launcher/);
    await ended(odd, 'FAILED');
    expect(odd.error).toMatch(/cannot be a version/);
  });
});
