import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
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

  it('passes on that a committed version found its configuration wrong', async () => {
    const { state, worker, ended } = await setup();
    await state.setUpdate(update());
    (await worker(0)).exit(EXIT.update);
    const trial = await worker(1);
    await state.setHealthy('2.0.0', trial.pid ?? 0);
    await eventually(async () => (await state.update())?.state === 'committed');
    trial.exit(EXIT.configuration);
    expect(await ended).toBe(EXIT.configuration);
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

  it('tell how they ended', async () => {
    expect(await spawn(script('process.exit(process.argv[3] === "--supervised" ? 7 : 1)')).exited).toBe(7);
  });

  it('are asked to end by signal and by their standard input', async () => {
    const polite = spawn(
      script(
        'process.stdin.resume().on("end", () => process.exit(5)); process.on("SIGTERM", () => undefined); console.log("up")',
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    polite.stop('SIGTERM', 5_000);
    expect(await polite.exited).toBe(5);
  });

  it('are ended by force when they do not listen', async () => {
    const deaf = spawn(script('process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1000)'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    deaf.stop('SIGTERM', 50);
    expect(await deaf.exited).toBeNull();
  });
});
