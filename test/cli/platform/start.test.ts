import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { PortChooser } from '../../../cli/engines/ports.ts';
import { TEST_SETTINGS } from '../../../cli/engines/postgres.ts';
import { identify, isRunning } from '../../../cli/engines/processes.ts';
import { runPlatform } from '../../../cli/platform/command.ts';
import { readEndpoints } from '../../../cli/platform/endpoints.ts';
import {
  AlreadyRunningError,
  type PlatformOptions,
  type RunningPlatform,
  startPlatform,
} from '../../../cli/platform/start.ts';
import { lastingPort } from '../../harness/ports.ts';
import { eventually, program, type Recorded, recorder, removeScratch, scratch } from '../support/scratch.ts';
import { standIns } from '../support/stand-ins.ts';

jest.setTimeout(300_000);

const running: RunningPlatform[] = [];
const ANY = {
  operator: 0,
  agent: 0,
  postgres: 0,
  temporal: 0,
  temporalUi: 0,
  workerHealth: 0,
  packagingHealth: 0,
  aiHealth: 0,
};
const NO_ENGINES = { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none', TEMPORAL_ADDRESS: '127.0.0.1:9' };
const NAMES = ['api', 'worker', 'packaging', 'ai', 'temporal', 'postgres'] as const;

afterEach(async () => {
  for (const platform of running.splice(0)) await platform.stop();
  await removeScratch();
});

async function prepare(
  options: Partial<PlatformOptions> = {},
): Promise<{ options: PlatformOptions; told: Recorded; dataDir: string }> {
  const folder = await scratch();
  const told = recorder();
  const dataDir = options.dataDir ?? join(folder, 'data');
  const entries = await standIns(folder);
  return {
    told,
    dataDir,
    options: {
      ports: ANY,
      entries,
      progress: told.progress,
      postgresSettings: TEST_SETTINGS,
      drainMs: 1_000,
      ...options,
      dataDir,
    },
  };
}

async function start(options: PlatformOptions): Promise<RunningPlatform> {
  const platform = await startPlatform(options);
  running.push(platform);
  return platform;
}

async function databaseAnswers(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query('SELECT 1 AS x')).rows[0];
  } finally {
    await client.end();
  }
}

async function temporalAnswers(address: string): Promise<unknown> {
  const connection = await Connection.connect({ address });
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: 'default' });
  await connection.close();
  return namespaceInfo?.name;
}

describe('the whole platform, with real engines', () => {
  test('is up when it says so, survives the death of each part, and stops without a trace', async () => {
    const { options, told, dataDir } = await prepare();
    const platform = await start(options);
    const { endpoints } = platform;
    expect(await readEndpoints(join(dataDir, 'endpoints.json'))).toEqual(endpoints);
    expect(endpoints.agent_api).toMatch(/^https:\/\/localhost:\d+$/);
    expect((await stat(endpoints.admin_token_file)).mode & 0o777).toBe(0o600);
    await access(endpoints.ca_certificate);
    expect((await fetch(endpoints.temporal_ui ?? '')).status).toBe(200);
    expect(told.text()).toContain('note: setup: {"made":"admin token","exits":null}');
    const env: unknown = await (await fetch(`${endpoints.operator_api}/env`)).json();
    expect(env).toMatchObject({
      DATABASE_URL: platform.databaseUrl,
      TEMPORAL_ADDRESS: endpoints.temporal_address,
      EUCORA_DATA_DIR: dataDir,
      EUCORA_EXIT_WITH_PARENT: '1',
    });

    // Each dies by itself and comes back.
    for (const name of NAMES) {
      const pid = platform.pid(name);
      if (pid === undefined) throw new Error(`${name} does not run`);
      process.kill(pid, 'SIGKILL');
      await eventually(() => ![pid, undefined].includes(platform.pid(name)));
      expect(told.text()).toContain(`warn: ${name} ended unexpectedly (SIGKILL)`);
    }
    // Each is killed on purpose, stays down, and is started again.
    for (const name of NAMES) {
      await platform.kill(name);
      expect(platform.pid(name)).toBeUndefined();
      await platform.restart(name);
      expect(platform.pid(name)).toBeGreaterThan(0);
    }
    expect(await databaseAnswers(platform.databaseUrl)).toEqual({ x: 1 });
    expect(await temporalAnswers(endpoints.temporal_address)).toBe('default');
    expect((await readdir(join(dataDir, 'logs'))).sort()).toEqual(
      expect.arrayContaining(['api.log', 'postgres.log', 'setup.log', 'temporal.log', 'worker.log']),
    );

    const identities = await Promise.all(NAMES.map((name) => identify(platform.pid(name) ?? 0)));
    await platform.stop();
    await platform.stop();
    for (const identity of identities) expect(identity && (await isRunning(identity))).toBe(false);
    expect(await readdir(join(dataDir, 'run'))).toEqual([]);
    await expect(access(join(dataDir, 'endpoints.json'))).rejects.toThrow();
    expect(told.text()).toContain('warn: api: drained');
  });

  test('keeps its state over stop and start, and a second start says who owns the data', async () => {
    const { options, dataDir, told } = await prepare();
    const first = await start(options);
    const client = new pg.Client({ connectionString: first.databaseUrl });
    await client.connect();
    await client.query('CREATE TABLE kept AS SELECT 1 AS x');
    await client.end();
    const refusal = await startPlatform(options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AlreadyRunningError);
    expect(refusal).toMatchObject({ holder: { pid: process.pid } });
    let written = '';
    const sink = {
      write: (text: string) => {
        written += text;
      },
    };
    expect(await runPlatform({ ...options, sink })).toBe(3);
    expect(written).toContain(`runs already on ${dataDir}: process ${process.pid}`);
    expect(await readEndpoints(join(dataDir, 'endpoints.json'))).toEqual(first.endpoints);
    await first.stop();
    const second = await start(options);
    const again = new pg.Client({ connectionString: second.databaseUrl });
    await again.connect();
    expect((await again.query('SELECT x FROM kept')).rows).toEqual([{ x: 1 }]);
    await again.end();
    // The setup had nothing to tell the second time.
    expect(told.text().match(/note: setup/g)).toHaveLength(1);
  });

  test('killed hard it leaves nothing running, and the next start takes over', async () => {
    const { options, dataDir, told } = await prepare();
    const { progress: _, ...plain } = options;
    const code = `import { startPlatform } from './cli/platform/start.ts';
      await startPlatform(${JSON.stringify(plain)});`;
    const supervisor = spawn(process.execPath, [await program(code)], { stdio: 'inherit' });
    await eventually(async () => (await readEndpoints(join(dataDir, 'endpoints.json'))) !== undefined);
    const recordOf = async (name: string) =>
      JSON.parse(await readFile(join(dataDir, 'run', `${name}.json`), 'utf8'));
    const temporal = await recordOf('temporal');
    const others = await Promise.all(NAMES.filter((name) => name !== 'temporal').map(recordOf));
    // Temporal is kept from noticing, as on a system without our guardian: an orphan.
    process.kill(temporal.pid, 'SIGSTOP');
    supervisor.kill('SIGKILL');
    for (const other of others) await eventually(async () => !(await isRunning(other)));
    setTimeout(() => process.kill(temporal.pid, 'SIGCONT'), 1_000);
    const next = await startPlatform(options);
    running.push(next);
    expect(told.text()).toContain(`stopping temporal (pid ${temporal.pid}), left over from an earlier start`);
    expect(await databaseAnswers(next.databaseUrl)).toEqual({ x: 1 });
  });
});

test('a start that fails takes back what it did, also when nobody reads any more what it tells', async () => {
  const dataDir = join(await scratch(), 'data');
  // It finds no built programs beside itself.
  const child = spawn(process.execPath, [await program("import './cli/platform/main.ts';")], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...NO_ENGINES, EUCORA_DATA_DIR: dataDir },
  });
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await once(child, 'exit')).toEqual([1, null]);
  expect(await readdir(join(dataDir, 'run'))).toEqual([]);
});

describe('with external engines', () => {
  test('starts only its own programs; taken ports are moved and told', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const { options, told } = await prepare({
      env: { ...NO_ENGINES, TEMPORAL_UI_URL: 'http://ui' },
      ports: { ...ANY, operator: taken },
    });
    const platform = await start(options);
    server.close();
    expect(told.text()).toMatch(new RegExp(`warn: port ${taken} is taken: the operator API moved to \\d+`));
    expect(platform.endpoints).toMatchObject({ temporal_address: '127.0.0.1:9', temporal_ui: 'http://ui' });
    expect(platform.databaseUrl).toBe(NO_ENGINES.DATABASE_URL);
    expect(platform.pid('postgres')).toBeUndefined();
    expect(() => platform.kill('temporal')).toThrow('temporal is not run by this platform');
  });

  test('ports that are lost to others while it starts are chosen anew', async () => {
    const thieves: Server[] = [];
    const steal = (port: number): void => {
      thieves.push(createServer().listen(port, '127.0.0.1'));
    };
    const first = await prepare({ env: NO_ENGINES });
    const chooser = new PortChooser();
    const ports = {
      ...ANY,
      operator: await chooser.choose(lastingPort()),
      agent: await chooser.choose(lastingPort()),
      workerHealth: await chooser.choose(lastingPort()),
    };
    // The stand-ins lose their ports in the moment they begin.
    await writeFile(
      first.options.entries?.api ?? '',
      `if (process.env.EUCORA_AGENT_PORT === '${ports.agent}') { console.error('listen EADDRINUSE: address already in use'); process.exit(1); }\n${await readFile(first.options.entries?.api ?? '', 'utf8')}`,
    );
    steal(ports.workerHealth);
    const platform = await start({
      ...first.options,
      ports,
      progress: (event) => {
        first.told.progress(event);
        if (event.state === 'start' && event.message === 'Starting API and workers') steal(ports.agent);
      },
    });
    for (const thief of thieves) thief.close();
    expect(platform.endpoints.agent_api).not.toBe(`https://localhost:${ports.agent}`);
    expect(first.told.text()).toContain(
      `port ${ports.workerHealth} is taken: the worker’s health page moved`,
    );
    expect((await fetch(`${platform.endpoints.operator_api}/health/ready`)).status).toBe(200);
  });

  test('a worker whose health port went to somebody else while it was down comes up on another', async () => {
    const workerHealth = await new PortChooser().choose(lastingPort());
    const { options, told } = await prepare({ env: NO_ENGINES, ports: { ...ANY, workerHealth } });
    const platform = await start(options);
    const health = (port: number) => fetch(`http://127.0.0.1:${port}/health/ready`);
    expect((await health(workerHealth)).status).toBe(200);
    await platform.restart('worker');
    expect((await health(workerHealth)).status).toBe(200);
    await platform.kill('worker');
    const thief = createServer().listen(workerHealth, '127.0.0.1');
    await new Promise((resolve) => thief.once('listening', resolve));
    await platform.restart('worker');
    thief.close();
    const [, moved = ''] = /the worker’s health page moved to (\d+)/.exec(told.text()) ?? [];
    expect((await health(Number(moved))).status).toBe(200);
  });

  test('a setup that fails, or a program that is missing, stops the start and leaves nothing', async () => {
    const { options, dataDir } = await prepare({ env: { ...NO_ENGINES, SETUP_FAILS: '1' } });
    await expect(startPlatform(options)).rejects.toThrow(/ended with 4\nmigration 7 failed/);
    expect(await readdir(join(dataDir, 'run'))).toEqual([]);
    const missing = {
      ...options,
      env: NO_ENGINES,
      entries: { ...options.entries, api: '/does/not/exist.js' },
    };
    await expect(startPlatform(missing)).rejects.toThrow('npm run build');
    expect(await readdir(join(dataDir, 'run'))).toEqual([]);
    await expect(
      startPlatform({ ...options, env: { ...NO_ENGINES, EUCORA_AGENT_PORT: 'x' }, ports: {} }),
    ).rejects.toThrow(RangeError);
  });

  test('a start that is given up ends what it had begun', async () => {
    const abort = new AbortController();
    const { options, dataDir } = await prepare({
      env: { ...NO_ENGINES, SETUP_HANGS: '1' },
      signal: abort.signal,
      progress: ({ state, message }) => {
        if (state === 'start' && message === 'Setting up')
          setTimeout(() => abort.abort(new Error('given up')), 500);
      },
    });
    await expect(startPlatform(options)).rejects.toThrow('given up');
    expect(await readdir(join(dataDir, 'run'))).toEqual([]);
  });

  test('killing everything reaches programs that do not drain', async () => {
    const { options } = await prepare({ env: { ...NO_ENGINES, STUBBORN: '1' }, drainMs: 600_000 });
    const platform = await start(options);
    const api = await identify(platform.pid('api') ?? 0);
    const stopping = platform.stop();
    // Long before they would have to be drained.
    await platform.killAll();
    await stopping;
    expect(api && (await isRunning(api))).toBe(false);
  });
});

describe('the command', () => {
  class Signals extends EventEmitter {
    readonly send = (name: NodeJS.Signals): boolean => this.emit(name);
  }
  const run = (
    options: PlatformOptions,
  ): { signals: Signals; output: () => string; exit: Promise<number> } => {
    const signals = new Signals();
    let text = '';
    const sink = {
      write: (more: string) => {
        text += more;
      },
    };
    const { progress: _, ...rest } = options;
    return { signals, output: () => text, exit: runPlatform({ ...rest, sink, signals: signals as never }) };
  };

  test('stays up until Ctrl-C, which npm may pass on a second time, and ends with 0', async () => {
    const { options, dataDir } = await prepare({ env: NO_ENGINES });
    const { signals, output, exit } = run(options);
    await eventually(() => output().includes('Ctrl-C stops'));
    expect(output()).toContain(dataDir);
    expect(output()).toContain('(external)');
    signals.send('SIGINT');
    signals.send('SIGINT');
    expect(await exit).toBe(0);
    expect(output()).not.toContain('ending everything at once');
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });

  test('ends at once when asked again', async () => {
    const { options } = await prepare({ env: { ...NO_ENGINES, STUBBORN: '1' }, drainMs: 600_000 });
    const { signals, output, exit } = run(options);
    await eventually(() => output().includes('Ctrl-C stops'));
    signals.send('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 700));
    signals.send('SIGINT');
    expect(await exit).toBe(0);
    expect(output()).toContain('ending everything at once');
  });

  test('ends with 1 and the reason when it cannot start, with 0 when stopped before', async () => {
    const failing = await prepare({ env: { ...NO_ENGINES, SETUP_FAILS: '1' } });
    const failed = run(failing.options);
    expect(await failed.exit).toBe(1);
    expect(failed.output()).toContain('migration 7 failed');
    const hanging = await prepare({ env: { ...NO_ENGINES, SETUP_HANGS: '1' } });
    const stopped = run(hanging.options);
    setTimeout(() => stopped.signals.send('SIGINT'), 300);
    expect(await stopped.exit).toBe(0);
  });
});
