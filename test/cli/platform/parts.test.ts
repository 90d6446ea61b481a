import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { identify } from '../../../cli/engines/processes.ts';
import type { RunningProcess } from '../../../cli/engines/running.ts';
import { consoleProgress } from '../../../cli/platform/console.ts';
import { readEndpoints, removeEndpoints, writeEndpoints } from '../../../cli/platform/endpoints.ts';
import { callableHost, childEnvironment, preferredPort } from '../../../cli/platform/environment.ts';
import { boundLogs, rotateLog, worthTelling } from '../../../cli/platform/logs.ts';
import { launchNode } from '../../../cli/platform/node-process.ts';
import { builtEntries, dataDirectory, layoutOf } from '../../../cli/platform/paths.ts';
import { recordProcess, stopOrphans } from '../../../cli/platform/run-records.ts';
import { Supervised } from '../../../cli/platform/supervised.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { eventually, recorder, removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

describe('the data folder', () => {
  const host = { platform: 'linux', home: '/home/ada', uid: 1000, env: {} } as const;
  test.each([
    ['an override', { ...host, env: { EUCORA_DATA_DIR: '/elsewhere/.' } }, '/elsewhere'],
    ['Linux', { ...host, env: { EUCORA_DATA_DIR: '' } }, '/home/ada/.local/share/eucora'],
    ['Linux with XDG', { ...host, env: { XDG_DATA_HOME: '/xdg' } }, '/xdg/eucora'],
    ['root on Linux', { ...host, uid: 0 }, '/var/lib/eucora'],
    ['macOS', { ...host, platform: 'darwin', uid: 0 }, '/home/ada/Library/Application Support/EUCORA'],
    ['Windows', { ...host, platform: 'win32', home: 'C:\\ada' }, 'C:\\ada\\AppData\\Local\\EUCORA'],
    [
      'Windows with LOCALAPPDATA',
      { ...host, platform: 'win32', env: { LOCALAPPDATA: 'D:\\L' } },
      'D:\\L\\EUCORA',
    ],
  ] as const)('%s', (_, facts, expected) => {
    expect(dataDirectory(facts)).toBe(expected);
  });

  test('this machine has one, and the built programs are looked for in dist', () => {
    expect(dataDirectory()).not.toBe('');
    expect(builtEntries().api).toMatch(/\/dist\/api\/main\.js$/);
  });
});

describe('the environment', () => {
  test('a port is given, set or standard, and must be one', () => {
    expect(preferredPort('operator', {}, {})).toBe(8080);
    expect(preferredPort('operator', {}, { EUCORA_OPERATOR_PORT: '' })).toBe(8080);
    expect(preferredPort('operator', {}, { EUCORA_OPERATOR_PORT: '81' })).toBe(81);
    expect(preferredPort('operator', { operator: 0 }, { EUCORA_OPERATOR_PORT: '81' })).toBe(0);
    for (const value of ['x', '-1', '65536', '1.5']) {
      expect(() => preferredPort('agent', {}, { EUCORA_AGENT_PORT: value })).toThrow(
        /EUCORA_AGENT_PORT is no port/,
      );
    }
    expect(() => preferredPort('agent', { agent: -1 }, {})).toThrow(RangeError);
  });

  test('keys for another Temporal do not reach our own, and do reach an external one', () => {
    const facts = {
      layout: layoutOf('/data'),
      ports: {
        operator: 1,
        agent: 2,
        postgres: 3,
        temporal: 4,
        temporalUi: 5,
        workerHealth: 6,
        packagingHealth: 7,
        aiHealth: 8,
      },
      operatorHost: '127.0.0.1',
      agentHost: '0.0.0.0',
      databaseUrl: 'postgres://x',
      temporalAddress: '127.0.0.1:4',
      temporalUi: 'http://127.0.0.1:5',
    };
    const env = {
      TEMPORAL_API_KEY: 'k',
      TEMPORAL_TLS: 'true',
      TEMPORAL_NAMESPACE: 'n',
      EUCORA_LOG_LEVEL: 'debug',
      EUCORA_REQUESTS_PER_MINUTE: '',
    };
    const own = childEnvironment(env, { ...facts, ownTemporal: true });
    expect(own).toMatchObject({ TEMPORAL_UI_URL: 'http://127.0.0.1:5' });
    expect(own).toMatchObject({ TEMPORAL_NAMESPACE: 'n', EUCORA_LOG_LEVEL: 'debug', EUCORA_AGENT_PORT: '2' });
    expect(own).not.toHaveProperty('TEMPORAL_API_KEY');
    expect(own).not.toHaveProperty('TEMPORAL_TLS');
    expect(own).not.toHaveProperty('EUCORA_REQUESTS_PER_MINUTE');
    expect(own['TEMPORAL_CONFIG_FILE']).toBe(join('/data', 'temporal', 'client.toml'));
    const external = childEnvironment(env, { ...facts, temporalUi: null, ownTemporal: false });
    expect(external).toMatchObject({ TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'true' });
    expect(external).not.toHaveProperty('TEMPORAL_CONFIG_FILE');
    expect(external).not.toHaveProperty('TEMPORAL_UI_URL');
  });

  test('a listener on all addresses is called on loopback', () => {
    expect(['0.0.0.0', '::', '::1', 'host'].map(callableHost)).toEqual([
      '127.0.0.1',
      '[::1]',
      '[::1]',
      'host',
    ]);
  });
});

test('endpoints are private, read back, and unread when damaged', async () => {
  const path = join(await scratch(), 'endpoints.json');
  const endpoints = {
    operator_api: 'http://o',
    agent_api: 'https://a',
    temporal_address: 't:1',
    temporal_ui: null,
    ca_certificate: '/ca',
    admin_token_file: '/t',
  };
  await writeEndpoints(path, endpoints);
  expect(await readEndpoints(path)).toEqual(endpoints);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await writeFile(path, '{}');
  expect(await readEndpoints(path)).toBeUndefined();
  await removeEndpoints(path);
  expect(await readEndpoints(path)).toBeUndefined();
});

describe('logs', () => {
  test('a large one is moved away at a start, and only three are kept', async () => {
    const folder = await scratch();
    const path = join(folder, 'a.log');
    await rotateLog(path);
    for (const content of ['one', 'two', 'three', 'four', 'five']) {
      await writeFile(path, content);
      await rotateLog(path, 3);
    }
    await writeFile(path, 'x');
    await rotateLog(path, 3);
    expect((await readdir(folder)).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2', 'a.log.3']);
    expect(await readFile(`${path}.3`, 'utf8')).toBe('three');
  });

  test.each([
    ['{"level":30,"msg":"fine"}', true, undefined],
    ['{"level":40,"msg":"careful"}', false, 'careful'],
    ['{"level":50,"msg":"failed","err":{"message":"why"}}', false, 'failed: why'],
    ['{"level":50,"msg":"why","err":{"message":"why"}}', false, 'why'],
    ['{"other":1}', true, undefined],
    ['{broken', true, '{broken'],
    ['{broken', false, undefined],
    ['Error: crash', true, 'Error: crash'],
    ['    at file.js:1:2', true, undefined],
    ['hello', false, undefined],
    ['  ', true, undefined],
  ])('of %s (stderr: %s) the console shows %s', (line, fromStderr, expected) => {
    expect(worthTelling(line, fromStderr)).toBe(expected);
  });

  test('what our loggers write is told from warnings on, on one short line without control characters', () => {
    const lines: string[] = [];
    const logger = createLogger('eucora-api', 'info', { write: (line) => void lines.push(line) });
    logger.info('fine');
    logger.warn({ correlation_id: 'change-42' }, 'An agent said \u001b[2J\nx\u202e');
    logger.error({ err: new Error('no route') }, 'A request failed');
    logger.fatal('y'.repeat(1_000));
    const shown = lines.map((line) => worthTelling(line.trimEnd(), false));
    expect(shown.slice(0, 3)).toEqual([
      undefined,
      'An agent said \\u001b[2J x\\u202e (correlation id change-42)',
      'A request failed: no route',
    ]);
    expect(shown[3]).toHaveLength(300);
    expect(worthTelling('Error: \u001b]0;title\u0007', true)).toBe('Error: \\u001b]0;title\\u0007');
  });

  test('those of running processes are kept bounded while they are written', async () => {
    const folder = await scratch();
    const path = join(folder, 'api.log');
    const writer = createWriteStream(path, { flags: 'a' });
    const stop = boundLogs(folder, {
      limitBytes: 1_000,
      everyMs: 20,
      onError: (error) => Promise.reject(error),
    });
    for (const letter of 'abcde') {
      writer.write(letter.repeat(1_200));
      await eventually(async () => (await readFile(`${path}.1`, 'utf8').catch(() => '')).startsWith(letter));
    }
    await eventually(async () => (await stat(path)).size === 0);
    stop();
    writer.end('the rest');
    await finished(writer);
    expect(await readFile(path, 'utf8')).toBe('the rest');
    expect((await readdir(folder)).sort()).toEqual(['api.log', 'api.log.1', 'api.log.2', 'api.log.3']);
  });

  test('a folder that cannot be read is told', async () => {
    const told: unknown[] = [];
    const stop = boundLogs('/does/not/exist', { everyMs: 5, onError: (error) => told.push(error) });
    await eventually(() => told.length > 0);
    stop();
  });
});

describe('the console', () => {
  const events = [
    { state: 'start', message: 'build', elapsedMs: 0 },
    { state: 'running', message: 'build', elapsedMs: 61_500 },
    { state: 'done', message: 'build', elapsedMs: 62_000 },
    { state: 'failed', message: 'other', elapsedMs: 1_234 },
    { state: 'warn', message: 'careful', elapsedMs: 0 },
    { state: 'note', message: 'by the way', elapsedMs: 0 },
  ] as const;
  const written = (isTTY: boolean): string => {
    let text = '';
    const progress = consoleProgress({
      isTTY,
      write: (more) => {
        text += more;
      },
    });
    for (const event of events) progress(event);
    return text;
  };

  test('gets plain lines with the time that went by', () => {
    const lines = written(false).trimEnd().split('\n');
    expect(lines).toHaveLength(events.length);
    expect(lines[1]).toContain('build');
    expect(lines[1]).toContain('1 min 1 s');
    expect(lines[3]).toContain('1.2 s');
  });

  test('that is a terminal gets signs of life which overwrite each other', () => {
    expect(written(true).split('\n')).toHaveLength(5);
    expect(written(true)).toContain('\r\u001b[K');
  });
});

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

  test('one that is never ready, or does not drain, is ended in time', async () => {
    const source = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);';
    const begun = performance.now();
    await expect(
      launchNode({ ...common, ...(await entry(source)), readyTimeoutMs: 300, drainMs: 200 }),
    ).rejects.toThrow('not ready after 300 ms');
    expect(performance.now() - begun).toBeLessThan(5_000);
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
