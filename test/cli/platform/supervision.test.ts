import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { PortChooser } from '../../../cli/engines/ports.ts';
import { identify } from '../../../cli/engines/processes.ts';
import type { RunningProcess } from '../../../cli/engines/running.ts';
import { launchNode } from '../../../cli/platform/node-process.ts';
import { recordProcess, stopOrphans } from '../../../cli/platform/run-records.ts';
import { runSetup } from '../../../cli/platform/setup.ts';
import { Supervised } from '../../../cli/platform/supervised.ts';
import { lastingPort } from '../../harness/ports.ts';
import { eventually, recorder, removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

describe('supervision', () => {
  interface Fake extends RunningProcess {
    die(how: string): void;
  }
  const backoff = { firstMs: 10, longestMs: 40, stableMs: 1_000 };

  function fakes(fail: (launch: number) => boolean = () => false): {
    launched: Fake[];
    launch: (signal: AbortSignal) => Promise<Fake>;
    count: () => number;
  } {
    const launched: Fake[] = [];
    let launches = 0;
    return {
      launched,
      count: () => launches,
      launch: async () => {
        launches += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (fail(launches)) throw new Error(`launch ${launches}`);
        let die: (how: string) => void = () => {};
        const exited = new Promise<string>((resolve) => {
          die = resolve;
        });
        const end = async (): Promise<void> => die('0');
        const fake: Fake = { pid: launches, exited, stop: end, kill: end, die };
        launched.push(fake);
        return fake;
      },
    };
  }

  test('starts again what died, with growing pauses, and says so', async () => {
    const { launch, launched, count } = fakes((n) => n === 2 || n === 3);
    const { progress, text } = recorder();
    const unit = new Supervised({ name: 'api', launch, progress, backoff });
    await unit.start();
    launched[0]?.die('SIGKILL');
    await eventually(() => unit.current?.pid === 4);
    expect(text()).toBe(
      [
        'warn: api ended unexpectedly (SIGKILL); it is started again in 0.01 s',
        'warn: api did not come up: launch 2; it is started again in 0.02 s',
        'warn: api did not come up: launch 3; it is started again in 0.04 s',
        'note: api runs again',
      ].join('\n'),
    );
    await unit.stop();
    await unit.stop();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(count()).toBe(4);
  });

  test('pauses are short again after a good while', async () => {
    const { launch, launched } = fakes();
    const { progress, text } = recorder();
    const unit = new Supervised({ name: 'api', launch, progress, backoff: { ...backoff, stableMs: 20 } });
    await unit.start();
    for (const index of [0, 1]) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      launched[index]?.die('1');
      await eventually(() => unit.current?.pid === index + 2);
    }
    expect(text().match(/again in 0\.01 s/g)).toHaveLength(2);
    await unit.stop();
  });

  test('a first start that fails is not repeated', async () => {
    const { launch, count } = fakes(() => true);
    const unit = new Supervised({ name: 'api', launch, progress: recorder().progress, backoff });
    await expect(unit.start()).rejects.toThrow('launch 1');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(count()).toBe(1);
  });

  test('what is killed stays down until it is started again', async () => {
    const { launch, count } = fakes();
    const unit = new Supervised({ name: 'api', launch, progress: recorder().progress, backoff });
    await unit.start();
    await unit.kill();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(unit.current).toBeUndefined();
    await unit.restart();
    expect(unit.current?.pid).toBe(2);
    expect(count()).toBe(2);
    await unit.stop();
  });

  test('stopping in the middle of a launch leaves nothing running, and a pause is cut short', async () => {
    const { launch, launched, count } = fakes();
    const unit = new Supervised({ name: 'api', launch, progress: recorder().progress, backoff });
    const starting = unit.start();
    await unit.stop();
    await starting;
    expect(await launched[0]?.exited).toBe('0');
    await unit.start();
    launched[1]?.die('1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(unit.current).toBeUndefined();
    await unit.stop();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(count()).toBe(2);
  });

  test('a kill reaches a process whose stop still waits', async () => {
    let killed = false;
    let die: (how: string) => void = () => {};
    const exited = new Promise<string>((resolve) => {
      die = resolve;
    });
    const stubborn: RunningProcess = {
      pid: 1,
      exited,
      stop: async () => void (await exited),
      kill: async () => {
        killed = true;
        die('SIGKILL');
      },
    };
    const unit = new Supervised({ name: 'api', launch: async () => stubborn, progress: recorder().progress });
    await unit.start();
    const stopping = unit.stop();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await unit.kill();
    await stopping;
    expect(killed).toBe(true);
  });
});

describe('records of processes', () => {
  test('an orphan is stopped; a reused pid is left alone', async () => {
    const folder = await scratch();
    const orphan = spawn('sleep', ['60']);
    const bystander = spawn('sleep', ['60']);
    await recordProcess(folder, 'temporal', orphan.pid ?? 0);
    await recordProcess(folder, 'worker', 999_999_999);
    const identity = await identify(bystander.pid ?? 0);
    await writeFile(join(folder, 'api.json'), JSON.stringify({ ...identity, startedAt: 'before' }));
    const { progress, text } = recorder();
    await stopOrphans(folder, progress);
    expect(text()).toContain(`stopping temporal (pid ${orphan.pid}), left over`);
    expect(text()).not.toContain('stopping api');
    expect(bystander.signalCode).toBeNull();
    expect(await readdir(folder)).toEqual([]);
    bystander.kill();
  });
});

describe('our own programs', () => {
  async function entry(source: string): Promise<{ entry: string; logFile: string }> {
    const folder = await scratch();
    await mkdir(join(folder, 'logs'));
    await writeFile(join(folder, 'main.mjs'), source);
    return { entry: join(folder, 'main.mjs'), logFile: join(folder, 'logs', 'x.log') };
  }
  const common = {
    name: 'api',
    env: { PATH: process.env['PATH'] },
    readyUrl: 'http://127.0.0.1:9/',
    ports: [],
    onTrouble: () => {},
  };

  test('what the disk does not take of a log is told once, and ends neither the program nor us', async () => {
    const port = await new PortChooser().choose(lastingPort());
    const source = `import { createServer } from 'node:http';
      console.log('one');
      const serve = (_, response) => { console.error('two'); response.end(); };
      createServer(serve).listen(${port}, '127.0.0.1');
      process.on('SIGTERM', () => process.exit(0));`;
    const told: string[] = [];
    const running = await launchNode({
      ...common,
      ...(await entry(source)),
      logFile: '/dev/full',
      readyUrl: `http://127.0.0.1:${port}/`,
      onTrouble: (line) => void told.push(line),
    });
    await eventually(() => told.includes('two') && told.length > 1);
    await running.stop();
    expect(await running.exited).toBe('0');
    expect(told.filter((line) => line !== 'two')).toEqual([
      expect.stringMatching(/^its log cannot be written: ENOSPC/),
    ]);
    const setup = await entry('console.log("one"); console.log(JSON.stringify({ made: "all" }));');
    const { progress, text } = recorder();
    const { env } = common;
    await runSetup({ entry: setup.entry, env, logFile: '/dev/full', progress, signal: undefined });
    expect(text()).toMatch(/warn: setup: its log cannot be written: ENOSPC/);
    expect(text()).toContain('note: setup: {"made":"all"}');
  });

  test('one that is not built is told so', async () => {
    const { logFile } = await entry('');
    await expect(launchNode({ ...common, entry: '/does/not/exist.js', logFile })).rejects.toThrow(
      'npm run build',
    );
  });

  test('one that crashes shows its last words', async () => {
    const troubles: string[] = [];
    const launch = launchNode({
      ...common,
      ...(await entry('console.log("working"); throw new Error("no database")')),
      onTrouble: (line) => troubles.push(line),
    });
    await expect(launch).rejects.toThrow(/api ended with 1 before it was ready[\s\S]*no database/);
    expect(troubles.join('\n')).toContain('no database');
  });

  test('one that ended is asked for its last words until it has said them', async () => {
    // What is written by then comes after its end, as it may on a busy machine; by it a lost port is known.
    const late = 'setTimeout(() => console.error("listen EADDRINUSE: address already in use"), 300)';
    const source = `import { spawn } from "node:child_process"; spawn(process.execPath, ["-e", ${JSON.stringify(late)}], { stdio: "inherit" }).once("spawn", () => process.exit(1));`;
    await expect(launchNode({ ...common, ...(await entry(source)) })).rejects.toThrow('EADDRINUSE');
  });

  test('one whose port a stranger holds is not taken for ready', async () => {
    const stranger = createServer((_, response) => void response.end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const address = stranger.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const source = `import { createServer } from "node:http"; setTimeout(() => createServer().listen(${port}, "127.0.0.1"), 300);`;
    const ready = { readyUrl: `http://127.0.0.1:${port}/`, ports: [port] };
    await expect(launchNode({ ...common, ...ready, ...(await entry(source)) })).rejects.toThrow('EADDRINUSE');
    stranger.close();
  });

  test('one that is never ready, or does not drain, is ended', async () => {
    const source = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);';
    await expect(
      launchNode({ ...common, ...(await entry(source)), readyTimeoutMs: 300, drainMs: 200 }),
    ).rejects.toThrow('not ready after 300 ms');
  });

  test('one exits by itself when we die', async () => {
    const program = await entry(
      'import { writeFileSync } from "node:fs"; writeFileSync(import.meta.dirname + "/pid", String(process.pid)); process.stdin.on("end", () => process.exit(0)).resume(); setInterval(() => {}, 1000);',
    );
    const supervisor = spawn(process.execPath, [
      '-e',
      `require("child_process").spawn(process.execPath, [${JSON.stringify(program.entry)}], { stdio: ["pipe", "ignore", "ignore"], detached: true })`,
    ]);
    const pidFile = join(program.entry, '..', 'pid');
    let pid = 0;
    await eventually(async () => {
      pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
      return pid > 0;
    });
    supervisor.kill('SIGKILL');
    await eventually(async () => (await identify(pid)) === undefined);
  });
});
