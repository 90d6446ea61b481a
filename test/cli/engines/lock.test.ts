import { spawn } from 'node:child_process';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../cli/engines/errors.ts';
import { lock, tryLock } from '../../../cli/engines/lock.ts';
import { identify } from '../../../cli/engines/processes.ts';
import { removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

const free = async (path: string): Promise<void> => {
  const held = await tryLock(path);
  if (!('release' in held)) throw new Error(`still held by ${held.heldBy.pid}`);
  await held.release();
  await held.release();
};

test('a held lock names its holder, a released one is free', async () => {
  const path = join(await scratch(), 'a.lock');
  const held = await tryLock(path);
  expect(await tryLock(path)).toMatchObject({ heldBy: { pid: process.pid } });
  if ('release' in held) await held.release();
  await free(path);
});

test.each([
  ['a dead process', { pid: 999_999_999, startedAt: 'x' }],
  ['a process whose pid was reused', { pid: process.pid, startedAt: 'long ago' }],
  ['nobody we understand', { pid: 'x' }],
  ['a text', 'x'],
])('the lock of %s is taken over', async (_, holder) => {
  const folder = await scratch();
  const path = join(folder, 'a.lock');
  await writeFile(path, JSON.stringify(holder));
  await free(path);
  expect(await readdir(folder)).toEqual([]);
});

test('a cut lock file is taken over, also past a takeover that was killed', async () => {
  const folder = await scratch();
  const path = join(folder, 'a.lock');
  await writeFile(path, '{"pid":');
  await mkdir(`${path}.takeover`);
  await utimes(`${path}.takeover`, 1, 1);
  await free(path);
  expect(await readdir(folder)).toEqual([]);
});

test('of many that find a stale lock only one gets it', async () => {
  for (let round = 0; round < 20; round += 1) {
    const path = join(await scratch(), 'a.lock');
    await writeFile(path, '{}');
    const attempts = await Promise.all(Array.from({ length: 12 }, () => tryLock(path)));
    expect(attempts.filter((attempt) => 'release' in attempt)).toHaveLength(1);
  }
});

test('what stands in the way of a takeover is named', async () => {
  const path = join(await scratch(), 'a.lock');
  await writeFile(path, '{}');
  await writeFile(`${path}.takeover`, '');
  await utimes(`${path}.takeover`, 1, 1);
  await expect(tryLock(path)).rejects.toThrow(EngineError);
  await expect(tryLock(path)).rejects.toThrow(/a\.lock\.takeover .* remove it/);
});

test('waiting ends when the holder dies', async () => {
  const path = join(await scratch(), 'a.lock');
  const sleeper = spawn('sleep', ['60']);
  const identity = await identify(sleeper.pid ?? 0);
  await writeFile(path, JSON.stringify(identity));
  const waited: number[] = [];
  const held = await lock(path, (holder) => {
    waited.push(holder.pid);
    sleeper.kill('SIGKILL');
  });
  expect(waited).toEqual([sleeper.pid]);
  await held.release();
});

test('waiting ends when it is called off', async () => {
  const path = join(await scratch(), 'a.lock');
  await tryLock(path);
  const off = new AbortController();
  const waiting = lock(path, () => off.abort(new Error('called off')), off.signal);
  await expect(waiting).rejects.toThrow('called off');
});

test('errors of the file system are not taken for a held lock', async () => {
  await expect(tryLock(join(await scratch(), 'missing', 'a.lock'))).rejects.toThrow('ENOENT');
});
