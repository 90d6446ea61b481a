import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../agent/exit-codes.ts';
import { refuse, type TestPlatform } from './platform.ts';
import { buildDeb, configFor, eventually, heldScript, pause, sha256 } from './support.ts';

import { ended, said, useAgents } from './world.ts';

let platform: TestPlatform;
const { start, online } = useAgents((own) => {
  platform = own;
});

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
    const { script, release } = heldScript();
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    await platform.down();
    release();
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
    const { script, release } = heldScript();
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    await platform.down();
    task.status = status;
    release();
    await eventually(() => agent.lines.some(({ message }) => message === 'Task finished'));
    await platform.up();
    await eventually(() => agent.worker.parts.outbox.counters.words === 0);
    await eventually(() => agent.worker.parts.journal.get(task.id)?.decided === status);
    expect(task.status).toBe(status);
  });
});
