import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuse, type TestPlatform } from './platform.ts';
import { configFor, eventually, heldScript, isAlive, type Started, temporaryFolder } from './support.ts';

import { ended, said, useAgents } from './world.ts';

let platform: TestPlatform;
const { start, online } = useAgents((own) => {
  platform = own;
});

/** Makes COLLECT wait, whatever stops it, until it is let go. */
function holdSoftware(agent: Started) {
  const ends: (() => void)[] = [];
  let over = false;
  jest
    .spyOn(agent.worker.parts.sampler, 'software')
    .mockImplementation(() => (over ? Promise.resolve([]) : new Promise((go) => ends.push(() => go([])))));
  return {
    isHeld: () => ends.length > 0,
    letGo: () => {
      over = true;
      for (const end of ends) end();
    },
  };
}

describe('tasks', () => {
  it('are stopped when the platform decides otherwise', async () => {
    const agent = await start();
    await online();
    const [mark, child] = [join(temporaryFolder(), 'mark'), join(temporaryFolder(), 'child')];
    const script = `sleep 30 & echo $! > ${child}; wait; touch ${mark}`;
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    await eventually(() => existsSync(child) && readFileSync(child, 'utf8').endsWith('\n'));
    task.status = 'CANCELLED';
    await eventually(() =>
      agent.lines.some(({ message }) => message.includes('the platform decided otherwise')),
    );
    await eventually(() => agent.worker.parts.runner.counters.running === 0);
    expect(said(task)).toEqual(['start']);
    // With all its processes.
    await eventually(() => !isAlive(Number(readFileSync(child, 'utf8'))));
    const next = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(next, 'COMPLETED');
    expect(existsSync(mark)).toBe(false);
  });

  it('outlive a proxy that answers 404 in the platform’s place', async () => {
    const agent = await start();
    await online();
    const { script, release } = heldScript();
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    let answered = 0;
    platform.intercept = (_seen, response) => {
      answered += 1;
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
      return true;
    };
    release();
    await eventually(() => agent.worker.parts.runner.counters.running === 0 && answered > 2);
    expect(agent.lines.some(({ message }) => message.includes('shut this agent out'))).toBe(false);
    platform.intercept = () => false;
    await ended(task, 'COMPLETED');
  });

  it('are not begun when the platform refuses their start, and done when it hands them over anew', async () => {
    const agent = await start();
    await online();
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/start') && refuse(response, 'task-state-conflict', { task_status: 'CANCELLED' });
    const cancelled = platform.addTask('REMEDIATE', { script: 'true' });
    await eventually(() => agent.worker.parts.journal.get(cancelled.id)?.decided === 'CANCELLED');
    let refused = 0;
    platform.intercept = (seen, response) => {
      if (!seen.path.endsWith('/start')) return false;
      refused += 1;
      return refuse(response, 'task-state-conflict', { task_status: 'PENDING' });
    };
    const pending = platform.addTask('REMEDIATE', { script: 'true' });
    // Only then it was accepted, and is to be forgotten.
    await eventually(() => refused > 0);
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
    const { script, release } = heldScript();
    const task = platform.addTask('REMEDIATE', { script });
    await eventually(() => task.progress.length > 2);
    release();
    await ended(task, 'COMPLETED');
    const bad = platform.addTask('DEPLOY', { nothing: true });
    await ended(bad, 'FAILED');
    expect(bad.error).toMatch(/payload does not fit DEPLOY/);
  });

  it('handed over twice are done once, and their answer is said again', async () => {
    const agent = await start();
    await online();
    const marks = temporaryFolder();
    const { script, release } = heldScript(`mktemp ${marks}/XXXXXX`);
    const task = platform.addTask('REMEDIATE', { script });
    await ended(task, 'IN_PROGRESS');
    task.status = 'PENDING';
    await ended(task, 'IN_PROGRESS');
    release();
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
    const { script, release } = heldScript();
    const first = platform.addTask('REMEDIATE', { script });
    await ended(first, 'IN_PROGRESS');
    const second = platform.addTask('REMEDIATE', { script: 'true' });
    const third = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(second, 'IN_PROGRESS');
    expect(first.status).toBe('IN_PROGRESS');
    await eventually(() => second.progress.includes('Waits for other tasks of this agent'));
    await ended(third, 'IN_PROGRESS');
    third.status = 'CANCELLED';
    third.words.length = 0;
    release();
    for (const task of [first, second]) await ended(task, 'COMPLETED');
    expect(said(second)).toEqual(['start', 'complete']);
  });

  it('run side by side where that is configured', async () => {
    await start({ config: configFor(platform, { EUCORA_AGENT_CONCURRENCY: '2' }) });
    await online();
    const { script, release } = heldScript();
    const tasks = [1, 2].map(() => platform.addTask('REMEDIATE', { script }));
    await eventually(() => tasks.every(({ status }) => status === 'IN_PROGRESS'));
    release();
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
    const { script, release } = heldScript();
    const task = platform.addTask('REMEDIATE', { script });
    // From here on nothing is written to the journal before the task's end.
    await eventually(() => agent.worker.parts.journal.get(task.id)?.state === 'running');
    await eventually(() => agent.lines.some(({ message }) => message === 'Task started'));
    rmSync(join(agent.config.home, 'tasks'), { recursive: true });
    release();
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
    // An outcome that was not told is never forgotten.
    const told = journal.all()[0];
    const untold = journal.all()[1];
    if (told === undefined || untold === undefined) throw new Error('the journal is empty');
    const outcome = { word: 'complete', body: { result: {} } } as const;
    await journal.update(told.task.id, { outcome, told: true });
    await journal.update(untold.task.id, { outcome });
    for (let n = 0; n < 3; n += 1) {
      const task = { ...told.task, id: randomUUID() };
      await journal.accept(task);
      await journal.update(task.id, { state: 'done' });
    }
    expect(journal.get(told.task.id)).toBeUndefined();
    expect(journal.get(untold.task.id)?.outcome).toEqual(outcome);
  });

  it('whose package tool cannot be ended do not hold the agent', async () => {
    const agent = await start();
    await online();
    const { runner } = agent.worker.parts;
    const software = holdSoftware(agent);
    const task = platform.addTask('COLLECT', {});
    await ended(task, 'IN_PROGRESS');
    await eventually(software.isHeld);
    // Resolves although the work is still held.
    await runner.stop(1, 50);
    expect(runner.counters.running).toBe(1);
    software.letGo();
  });

  it('that came to their end although the platform had cancelled them are not told', async () => {
    const agent = await start();
    await online();
    const software = holdSoftware(agent);
    const task = platform.addTask('COLLECT', {});
    await ended(task, 'IN_PROGRESS');
    await eventually(software.isHeld);
    task.status = 'CANCELLED';
    agent.worker.parts.runner.tick();
    await eventually(() =>
      agent.lines.some(({ message }) => message.includes('The platform decided otherwise on a task')),
    );
    software.letGo();
    await eventually(() => agent.worker.parts.journal.get(task.id)?.decided === 'CANCELLED');
    expect(said(task)).toEqual(['start']);
  });
});
