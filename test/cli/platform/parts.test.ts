import { createWriteStream } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { consoleProgress } from '../../../cli/platform/console.ts';
import { readEndpoints, removeEndpoints, writeEndpoints } from '../../../cli/platform/endpoints.ts';
import { callableHost, childEnvironment, preferredPort } from '../../../cli/platform/environment.ts';
import { boundLogs, rotateLog, worthTelling } from '../../../cli/platform/logs.ts';
import { builtEntries, dataDirectory, layoutOf } from '../../../cli/platform/paths.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { eventually, removeScratch, scratch } from '../support/scratch.ts';

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
      // What is written between the copy and the emptying would be lost.
      await eventually(async () => (await stat(path)).size === 0);
    }
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
