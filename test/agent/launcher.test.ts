import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT } from '../../agent/exit-codes.ts';
import { homeAt, prepareHome } from '../../agent/storage/home.ts';
import { Launcher } from '../../agent/update/launcher.ts';
import { type Update, UpdateState } from '../../agent/update/state.ts';
import type { Worker } from '../../agent/update/worker-process.ts';
import { workerSpawner } from '../../agent/update/worker-process.ts';
import { captureLog, eventually, QUICK, removeFolders, sha256, temporaryFolder } from './support.ts';

afterAll(removeFolders);

interface Fake extends Worker {
  readonly file: string;
  exit(code: number | null): void;
  readonly stops: NodeJS.Signals[];
}

const CODE = 'version two';
const update = (more: Partial<Update> = {}): Update => ({
  task_id: '00000000-0000-4000-8000-000000000001',
  from: '1.0.0',
  to: '2.0.0',
  sha256: sha256(CODE),
  health_timeout_seconds: 30,
  state: 'requested',
  attempts: 0,
  ...more,
});

async function setup(builtinVersion = '1.0.0') {
  const home = homeAt(temporaryFolder());
  await prepareHome(home);
  const state = new UpdateState(home);
  const file = state.file('2.0.0');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, CODE);
  const workers: Fake[] = [];
  const captured = captureLog();
  const launcher = new Launcher({
    state,
    versions: home.versions,
    builtin: { file: '/opt/agent.mjs', version: builtinVersion },
    log: captured.log,
    stopMs: 100,
    backoff: QUICK,
    pollMs: 5,
    spawn: (started) => {
      let exit: (code: number | null) => void = () => undefined;
      const exited = new Promise<number | null>((resolve) => {
        exit = resolve;
      });
      const stops: NodeJS.Signals[] = [];
      const worker: Fake = {
        pid: 1_000 + workers.length,
        file: started,
        exited,
        exit,
        stops,
        stop: (signal) => {
          stops.push(signal);
          exit(EXIT.ok);
        },
      };
      workers.push(worker);
      return worker;
    },
  });
  const ended = launcher.run();
  const worker = (n: number) => eventually(() => workers[n], `worker ${n}`);
  return { home, state, file, workers, worker, launcher, ended, ...captured };
}

describe('launcher', () => {
  it('starts the worker again when it crashes, and ends with it when asked to', async () => {
    const { launcher, worker, ended, lines } = await setup();
    (await worker(0)).exit(1);
    (await worker(1)).exit(null);
    const last = await worker(2);
    expect(last.file).toBe('/opt/agent.mjs');
    launcher.stop('SIGINT');
    expect(await ended).toBe(EXIT.ok);
    expect(last.stops).toEqual(['SIGINT']);
    expect(lines.filter(({ message }) => message.includes('ended unexpectedly'))).toHaveLength(2);
  });

  it('does not start again what only an operator can mend', async () => {
    const { worker, ended } = await setup();
    (await worker(0)).exit(EXIT.configuration);
    expect(await ended).toBe(EXIT.configuration);
  });

  it('commits a new version that proves itself, keeps to it, and forgets others', async () => {
    const { home, state, file, worker, launcher, ended } = await setup();
    mkdirSync(join(home.versions, '0.9'));
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    expect(trial.file).toBe(file);
    await state.setHealthy('2.0.0', 999);
    await state.setHealthy('2.0.0', trial.pid ?? 0);
    await eventually(async () => (await state.update())?.state === 'committed');
    expect(await state.current()).toEqual({ version: '2.0.0', sha256: sha256(CODE), launcher: '1.0.0' });
    await eventually(() => !readdirSync(home.versions).includes('0.9'));
    await state.dropUpdate();
    trial.exit(1);
    expect((await worker(2)).file).toBe(file);
    launcher.stop();
    expect(await ended).toBe(EXIT.ok);
  });

  const commitTrial = async ({ state, worker }: Awaited<ReturnType<typeof setup>>) => {
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    await state.setHealthy('2.0.0', trial.pid ?? 0);
    await eventually(async () => (await state.update())?.state === 'committed');
    return trial;
  };

  it('goes back once when a committed version finds its configuration wrong', async () => {
    const launched = await setup();
    const trial = await commitTrial(launched);
    trial.exit(EXIT.configuration);
    const before = await launched.worker(2);
    expect(before.file).toBe('/opt/agent.mjs');
    expect(await launched.state.update()).toMatchObject({
      state: 'rolled_back',
      reason: expect.stringMatching(/exit code 78/),
    });
    // Crashes of the one before are crashes; its own exit code 78 ends the agent.
    before.exit(1);
    (await launched.worker(3)).exit(EXIT.configuration);
    expect(await launched.ended).toBe(EXIT.configuration);
    expect(launched.workers.map(({ file }) => file).slice(2)).toEqual(['/opt/agent.mjs', '/opt/agent.mjs']);
  });

  it('goes back to the update before, if that is whole, also long after the commit', async () => {
    const launched = await setup();
    const older = launched.state.file('1.5.0');
    mkdirSync(dirname(older), { recursive: true });
    writeFileSync(older, 'one and a half');
    const current = { version: '2.0.0', sha256: sha256(CODE), launcher: '1.0.0', previous: '1.5.0' };
    await launched.state.setCurrent({ ...current, previous_sha256: sha256('one and a half') });
    (await launched.worker(0)).exit(1);
    const second = await launched.worker(1);
    expect(second.file).toBe(launched.file);
    second.exit(EXIT.configuration);
    expect((await launched.worker(2)).file).toBe(older);
    launched.launcher.stop();
    await launched.ended;
    const spoilt = await setup();
    await spoilt.state.setCurrent({ ...current, previous_sha256: sha256('another') });
    (await spoilt.worker(0)).exit(1);
    (await spoilt.worker(1)).exit(EXIT.configuration);
    expect((await spoilt.worker(2)).file).toBe('/opt/agent.mjs');
    spoilt.launcher.stop();
    await spoilt.ended;
  });

  it('remembers what ran before, to go back to', async () => {
    const launched = await setup();
    const { state, worker } = launched;
    const older = state.file('1.5.0');
    mkdirSync(dirname(older), { recursive: true });
    writeFileSync(older, 'x');
    await state.setCurrent({ version: '1.5.0', sha256: sha256('x'), launcher: '1.0.0' });
    await state.setUpdate(update({ from: '1.5.0' }));
    (await worker(0)).exit(EXIT.update);
    await state.setHealthy('2.0.0', (await worker(1)).pid ?? 0);
    await eventually(async () => (await state.update())?.state === 'committed');
    expect(await state.current()).toMatchObject({ previous: '1.5.0', previous_sha256: sha256('x') });
    launched.launcher.stop();
    await launched.ended;
  });

  it('goes back from a version that says it is another one', async () => {
    const { state, worker, launcher, ended } = await setup();
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    await state.setHealthy('1.9.0', trial.pid ?? 0);
    expect((await worker(2)).file).toBe('/opt/agent.mjs');
    expect(await state.update()).toMatchObject({
      state: 'rolled_back',
      reason: 'its artifact is version 1.9.0, not 2.0.0',
    });
    launcher.stop();
    await ended;
  });

  const full = () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

  it('goes on with the running version when the disk is too full to begin an update', async () => {
    const { state, worker, launcher, ended, lines } = await setup();
    await state.setUpdate(update());
    const spy = jest.spyOn(state, 'setUpdate').mockRejectedValue(full());
    (await worker(0)).exit(EXIT.update);
    expect((await worker(1)).file).toBe('/opt/agent.mjs');
    expect(await state.update()).toMatchObject({ state: 'requested', attempts: 0 });
    expect(lines.some(({ message }) => message.includes('cannot be tried'))).toBe(true);
    spy.mockRestore();
    launcher.stop();
    expect(await ended).toBe(EXIT.ok);
  });

  it('goes back when a version that has proven itself cannot be noted', async () => {
    const { state, worker, launcher, ended } = await setup();
    await state.setUpdate(update());
    const spy = jest.spyOn(state, 'setCurrent').mockRejectedValue(full());
    (await worker(0)).exit(EXIT.update);
    await state.setHealthy('2.0.0', (await worker(1)).pid ?? 0);
    expect((await worker(2)).file).toBe('/opt/agent.mjs');
    expect((await state.update())?.reason).toMatch(/could not be noted as current: ENOSPC/);
    spy.mockRestore();
    launcher.stop();
    await ended;
  });

  it('tells by what is current that an update is over, when only that could be noted', async () => {
    const { state, worker, launcher, ended, workers } = await setup();
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    const spy = jest.spyOn(state, 'setUpdate').mockRejectedValue(full());
    await state.setHealthy('2.0.0', trial.pid ?? 0);
    await eventually(async () => (await state.update()) === undefined);
    expect(await state.current()).toMatchObject({ version: '2.0.0' });
    expect(workers).toHaveLength(2);
    spy.mockRestore();
    launcher.stop();
    await ended;
  });

  it('does not end for want of a disk that can be read', async () => {
    const { state, worker, launcher, ended, lines } = await setup();
    const first = await worker(0);
    const spies = [
      jest.spyOn(state, 'update').mockRejectedValue(full()),
      jest.spyOn(state, 'current').mockRejectedValue(full()),
    ];
    first.exit(1);
    const second = await worker(1);
    expect(second.file).toBe('/opt/agent.mjs');
    for (const spy of spies) spy.mockRestore();
    const spy = jest.spyOn(state, 'current').mockRejectedValue(full());
    await state.setCurrent({ version: '2.0.0', sha256: sha256(CODE), launcher: '1.0.0' });
    spy.mockRestore();
    second.exit(1);
    const third = await worker(2);
    jest.spyOn(state, 'current').mockRejectedValueOnce(full());
    third.exit(EXIT.configuration);
    expect((await worker(3)).file).toContain('2.0.0');
    expect(lines.some(({ message }) => message.includes('could not read or note versions'))).toBe(true);
    launcher.stop();
    expect(await ended).toBe(EXIT.ok);
  });

  it.each([
    ['ends', {}, (worker: Fake) => worker.exit(3), /ended with exit code 3 before its first heartbeat/],
    ['hangs', { health_timeout_seconds: 0.05 }, () => undefined, /no heartbeat was answered within 0\.05 s/],
  ])('goes back when the new version %s', async (_what, change, act, reason) => {
    const { home, state, worker, launcher, ended } = await setup();
    await state.setUpdate(update(change));
    (await worker(0)).exit(EXIT.update);
    act(await worker(1));
    expect((await worker(2)).file).toBe('/opt/agent.mjs');
    expect(await state.update()).toMatchObject({
      state: 'rolled_back',
      reason: expect.stringMatching(reason),
    });
    expect(await state.current()).toBeUndefined();
    expect(readdirSync(home.versions)).toEqual([]);
    launcher.stop();
    await ended;
  });

  it.each([
    ['is missing', undefined, /missing/],
    ['was changed', 'tampered', /changed after the download/],
  ])('never starts a version whose file %s', async (_what, content, reason) => {
    const { state, file, worker, workers, launcher, ended } = await setup();
    if (content === undefined) await state.setUpdate(update({ to: '7.0.0' }));
    else {
      writeFileSync(file, content);
      await state.setUpdate(update());
    }
    (await worker(0)).exit(EXIT.update);
    await worker(1);
    expect(workers.map((started) => started.file)).toEqual(['/opt/agent.mjs', '/opt/agent.mjs']);
    expect((await state.update())?.reason).toMatch(reason);
    launcher.stop();
    await ended;
  });

  it('gives up a version whose trials never end', async () => {
    const { state, worker, launcher, ended } = await setup();
    await state.setUpdate(update({ state: 'trying', attempts: 3 }));
    (await worker(0)).exit(EXIT.update);
    await worker(1);
    expect(await state.update()).toMatchObject({
      state: 'rolled_back',
      reason: expect.stringMatching(/tried 3 times/),
    });
    launcher.stop();
    await ended;
  });

  it('begins a trial anew that its own end cut short', async () => {
    const { state, worker, launcher, ended } = await setup();
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    await worker(1);
    launcher.stop();
    expect(await ended).toBe(EXIT.ok);
    expect(await state.update()).toMatchObject({ state: 'trying', attempts: 0 });
  });

  it('goes back to what it is itself when the current version is spoilt or older than the package', async () => {
    const spoilt = await setup();
    await spoilt.state.setCurrent({ version: '2.0.0', sha256: sha256('else'), launcher: '1.0.0' });
    (await spoilt.worker(0)).exit(1);
    expect((await spoilt.worker(1)).file).toBe('/opt/agent.mjs');
    expect(await spoilt.state.current()).toBeUndefined();
    spoilt.launcher.stop();
    await spoilt.ended;
    const upgraded = await setup('3.0.0');
    await upgraded.state.setCurrent({
      version: '2.0.0',
      sha256: sha256(CODE),
      launcher: '1.0.0',
      previous: '1.5.0',
    });
    (await upgraded.worker(0)).exit(1);
    expect((await upgraded.worker(1)).file).toBe('/opt/agent.mjs');
    upgraded.launcher.stop();
    await upgraded.ended;
  });

  it('survives that a rollback cannot be noted', async () => {
    const { state, worker, launcher, ended, lines } = await setup();
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    const spy = jest.spyOn(state, 'setUpdate').mockRejectedValueOnce(new Error('disk full'));
    trial.exit(3);
    (await worker(2)).exit(3);
    expect((await worker(3)).file).toBe('/opt/agent.mjs');
    expect(lines.some(({ message }) => message.includes('could not be noted'))).toBe(true);
    spy.mockRestore();
    launcher.stop();
    await ended;
  });
});

describe('state of versions', () => {
  it('takes no version that leads out of its folder', async () => {
    const { state, launcher, ended } = await setup();
    expect(() => state.file('../../evil')).toThrow(/is not a version/);
    await expect(state.setUpdate(update())).resolves.toMatchObject({ to: '2.0.0' });
    await state.dropUpdate();
    launcher.stop();
    await ended;
  });
});

describe('worker processes', () => {
  const script = (code: string): string => {
    const path = join(temporaryFolder(), 'worker.mjs');
    writeFileSync(path, code);
    return path;
  };
  const spawn = workerSpawner({ PATH: process.env['PATH'] });
  /** A worker that has told that it listens: before, it would die of the signal. */
  const listening = async (code: string): Promise<Worker> => {
    const mark = join(temporaryFolder(), 'listening');
    const told = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(mark)}, '');`;
    const worker = spawn(script(`${code};\n${told}`));
    await eventually(() => existsSync(mark));
    return worker;
  };

  it('tell how they ended', async () => {
    expect(await spawn(script('process.exit(process.argv[3] === "--supervised" ? 7 : 1)')).exited).toBe(7);
  });

  it('are asked to end by signal and by their standard input', async () => {
    const polite = await listening(
      'process.stdin.resume().on("end", () => process.exit(5)); process.on("SIGTERM", () => undefined); console.log("up")',
    );
    polite.stop('SIGTERM', 60_000);
    expect(await polite.exited).toBe(5);
  });

  it('are ended by force when they do not listen', async () => {
    const deaf = await listening(
      'process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1000)',
    );
    deaf.stop('SIGTERM', 50);
    expect(await deaf.exited).toBeNull();
  });
});
