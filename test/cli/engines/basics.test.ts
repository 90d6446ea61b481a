import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runCommand } from '../../../cli/engines/command.ts';
import { codeOf, EngineError, messageOf } from '../../../cli/engines/errors.ts';
import { exists, makeDirectory, readJson, tailOf, writeAtomically } from '../../../cli/engines/files.ts';
import { isPortConflict, listens } from '../../../cli/engines/listeners.ts';
import { isFree, PortChooser } from '../../../cli/engines/ports.ts';
import {
  commandLineOf,
  identify,
  isRunning,
  signal,
  startTimeOf,
  terminate,
} from '../../../cli/engines/processes.ts';
import { silent, step } from '../../../cli/engines/progress.ts';
import { lastingPort } from '../../harness/ports.ts';
import { eventually, program, recorder, removeScratch, scratch, script } from '../support/scratch.ts';

afterEach(removeScratch);

describe('errors', () => {
  test('carry a hint and read well, whatever was thrown', () => {
    expect(new EngineError('broken', { hint: 'mend it' }).message).toBe('broken\nmend it');
    expect(messageOf('text')).toBe('text');
    expect([codeOf({ code: 'X' }), codeOf({ code: 1 }), codeOf(null), codeOf(1)]).toEqual([
      'X',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('files', () => {
  test('are replaced as a whole, private, and without leftovers on failure', async () => {
    const folder = await scratch();
    const path = join(folder, 'a');
    await writeAtomically(path, 'one');
    await writeAtomically(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await mkdir(join(folder, 'd', 'x'), { recursive: true });
    await expect(writeAtomically(join(folder, 'd'), 'x')).rejects.toThrow();
    expect((await readdir(folder)).sort()).toEqual(['a', 'd']);
  });

  test('a folder keeps its mode when it exists', async () => {
    const folder = join(await scratch(), 'a');
    await makeDirectory(folder, 0o711);
    expect((await stat(folder)).mode & 0o777).toBe(0o711);
    await makeDirectory(folder, 0o700);
    expect((await stat(folder)).mode & 0o777).toBe(0o711);
  });

  test('are missed in peace, other errors are passed on', async () => {
    const folder = await scratch();
    expect(await readJson(join(folder, 'none'))).toBeUndefined();
    await expect(readJson(folder)).rejects.toThrow('EISDIR');
    await writeFile(join(folder, 'file'), 'x\ny\n');
    expect(await exists(join(folder, 'file', 'below'))).toBe(false);
    await expect(exists('a\0b')).rejects.toThrow();
    expect(await tailOf(join(folder, 'file'), 1)).toBe('y');
    expect(await tailOf(join(folder, 'none'))).toBe('');
  });
});

describe('processes', () => {
  test('are known by pid and start time; the dead and zombies are not', async () => {
    const own = await identify(process.pid);
    expect(own && (await isRunning(own))).toBe(true);
    expect(await identify(0)).toBeUndefined();
    expect(await identify(999_999_999)).toBeUndefined();
    // Its parent never asks for its end: a zombie.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (text) => resolve(Number(text))),
    );
    await eventually(async () => (await startTimeOf(pid)) === undefined);
    parent.kill('SIGKILL');
  });

  test('other systems are asked with their own means', async () => {
    expect(await startTimeOf(process.pid, 'darwin')).toMatch(/\d{4}$/);
    expect(await startTimeOf(999_999_999, 'darwin')).toBeUndefined();
    expect(await startTimeOf(process.pid, 'win32')).toBeUndefined();
    expect(await commandLineOf(process.pid, 'darwin')).toContain('node');
    expect(await commandLineOf(process.pid, 'win32')).toBeUndefined();
    expect(await commandLineOf(process.pid)).toContain('node');
    expect(await commandLineOf(999_999_999)).toBeUndefined();
  });

  test('one of which nothing could be found out is not taken for dead', async () => {
    const folder = await scratch();
    await script(join(folder, 'ps'), 'kill -KILL $$');
    const asks = await program(`
      import { commandLineOf, startTimeOf } from './cli/engines/processes.ts';
      for (const ask of [startTimeOf, commandLineOf])
        console.log(await ask(process.pid, 'darwin').catch((error) => 'asked in vain: ' + error.message.trim()));`);
    const env = { PATH: `${folder}:${process.env['PATH']}` };
    const told = await runCommand(process.execPath, [asks], { env });
    expect(told.trim().split('\n')).toEqual(
      Array(2).fill(expect.stringMatching(/^asked in vain: .*\bps -p/)),
    );
  });

  test('one that ignores a signal gets the next', async () => {
    const child = spawn('sh', ['-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const identity = await identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('not started');
    expect(await terminate(identity, [['SIGTERM', 200]])).toBe(false);
    expect(
      await terminate(identity, [
        ['SIGTERM', 100],
        ['SIGKILL', 5_000],
      ]),
    ).toBe(true);
    expect(await terminate(identity, [['SIGTERM', 100]])).toBe(true);
    signal(identity.pid, 'SIGTERM');
    expect(() => signal(Number.NaN, 'SIGTERM')).toThrow();
  });
});

describe('ports', () => {
  test('a taken one is passed over, none is given twice, 0 takes any', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const chooser = new PortChooser();
    expect(await isFree(taken)).toBe(false);
    const next = await chooser.choose(taken);
    expect(next).toBeGreaterThan(taken);
    expect(await chooser.choose(next)).toBeGreaterThan(next);
    expect(await chooser.choose(0)).toBeGreaterThan(1_023);
    server.close();
  });

  test('of several that look from taken ports on at the same time each gets one of its own', async () => {
    const from = lastingPort();
    const taken = [0, 1, 2].map((offset) => createServer().listen(from + offset, '127.0.0.1'));
    // One that somebody else has is taken just as well.
    await Promise.allSettled(taken.map((server) => once(server, 'listening')));
    const chooser = new PortChooser();
    try {
      const given = await Promise.all([0, 1, 2, 0, 1, 2].map((offset) => chooser.choose(from + offset)));
      expect(new Set(given).size).toBe(6);
      expect(Math.min(...given)).toBeGreaterThan(from + 2);
    } finally {
      for (const server of taken) server.close();
    }
  });

  test('an address that is not ours has no ports', async () => {
    const chooser = new PortChooser();
    await expect(chooser.choose(65_530, '203.0.113.1')).rejects.toThrow(
      'no free port between 65530 and 65535',
    );
    await expect(chooser.choose(0, '203.0.113.1')).rejects.toThrow('no port can be opened');
  });
});

describe('listeners', () => {
  test('are known by their process, where the system tells', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await listens(process.pid, port, 'linux')).toBe(true);
    expect(await listens(process.ppid, port, 'linux')).toBe(false);
    expect(await listens(999_999_999, port, 'linux')).toBeUndefined();
    expect(await listens(process.pid, port, 'darwin')).toBeUndefined();
    server.close();
  });

  test.each([
    ['Error: listen EADDRINUSE: address already in use 127.0.0.1:1', true],
    ['could not bind IPv4 address "127.0.0.1"', true],
    ['listen tcp 127.0.0.1:7233: bind: address already in use', true],
    ['migration 7 failed', false],
  ])('%s is a conflict of ports: %s', (message, expected) => {
    expect(isPortConflict(message)).toBe(expected);
  });
});

describe('steps', () => {
  test('tell begin, signs of life with details, and end', async () => {
    const { progress, text } = recorder();
    await step(
      progress,
      'long',
      async (detail) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        detail('half');
        await new Promise((resolve) => setTimeout(resolve, 30));
      },
      10,
    );
    expect(text()).toMatch(
      /^start: long\nrunning: long\n(running: long\n)*(running: long: half\n)+done: long$/,
    );
    await expect(step(silent, 'x', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});

describe('commands', () => {
  test('give their output; lines of both streams are told', async () => {
    const lines: string[] = [];
    const output = await runCommand('sh', ['-c', 'echo out; echo err >&2; pwd'], {
      cwd: '/',
      onLine: (line) => lines.push(line),
    });
    expect(output).toBe('out\n/\n');
    expect(lines.sort()).toEqual(['/', 'err', 'out']);
  });

  test('fail with their last lines', async () => {
    await expect(runCommand('sh', ['-c', 'echo why >&2; exit 3'])).rejects.toThrow(/ended with 3\nwhy/);
    await expect(runCommand('/does/not/exist', [])).rejects.toThrow('could not be started');
    await expect(runCommand('sh', ['-c', 'kill -9 $$'])).rejects.toThrow('ended with SIGKILL');
  });

  test('are ended with their helpers when they take too long or are given up', async () => {
    const folder = await scratch();
    const program = await script(join(folder, 'p'), `sleep 60 & echo $! > ${folder}/helper; wait`);
    let helper = 0;
    // With more and more time until it was enough to begin.
    for (let timeoutMs = 500; helper === 0; timeoutMs *= 2) {
      await expect(runCommand(program, [], { timeoutMs })).rejects.toThrow(`longer than ${timeoutMs} ms`);
      helper = Number(await readFile(join(folder, 'helper'), 'utf8').catch(() => ''));
    }
    await eventually(async () => (await startTimeOf(helper)) === undefined);
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('given up')), 100);
    await expect(runCommand(program, [], { signal: abort.signal })).rejects.toThrow('given up');
    await expect(runCommand(program, [], { signal: abort.signal })).rejects.toThrow('given up');
    await chmod(program, 0o644);
    await expect(runCommand(program, [])).rejects.toThrow('could not be started');
  });
});
