import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { program, removeScratch } from '../support/scratch.ts';

afterEach(removeScratch);

type Child = ChildProcessByStdio<null, Readable, Readable>;

const using = (code: string): Promise<string> =>
  program(`import { processIo } from './cli/client/process-io.ts';\n${code}`);

async function run(code: string): Promise<Child> {
  return spawn(process.execPath, [await using(code)], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves once this was printed. */
async function printed(child: Child, text: string): Promise<void> {
  let all = '';
  for await (const part of child.stdout) {
    all += String(part);
    if (all.includes(text)) return;
  }
  throw new Error(`${text} was not printed, but ${all}`);
}

test('one Ctrl-C that arrives twice lets the program end in order, a second one ends it at once', async () => {
  const child = await run(`
    const { signal } = processIo('test');
    setInterval(() => {
      if (process.listenerCount('SIGINT') === 0) console.log('without mercy');
    }, 20);
    signal.addEventListener('abort', () => process.kill(process.pid, 'SIGINT'));
    process.kill(process.pid, 'SIGINT');`);
  await printed(child, 'without mercy');
  expect(child.exitCode ?? child.signalCode).toBeNull();
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
});

test.each([
  ['ends with whoever reads it', false, 0],
  ['that lasts goes on to its own end', true, 7],
])('a program %s', async (_, lasts, expected) => {
  const child = await run(`
    const { stdout, stderr } = processIo('test', ${lasts});
    let lines = 0;
    setInterval(() => {
      stdout.write('a line\\n');
      stderr.write('a complaint\\n');
      lines += 1;
      if (lines === 20) process.exit(7);
    }, 10);`);
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await once(child, 'exit')).toEqual([expected, null]);
});

test('a program whose words the disk does not take says so', async () => {
  const full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, [await using("processIo('test').stdout.write('a line\\n');")], {
    stdio: ['ignore', full.fd, 'pipe'],
  });
  let told = '';
  child.stderr?.on('data', (part) => {
    told += String(part);
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(told).toMatch(/^Standard output cannot be written: .*ENOSPC/);
  await full.close();
});
