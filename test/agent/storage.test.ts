import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode, quarantine, readJson, writeAtomic, writeJson } from '../../agent/storage/files.ts';
import { defaultHome, homeAt, prepareHome } from '../../agent/storage/home.ts';
import { acquireLock, processStart } from '../../agent/storage/lock.ts';
import { eventually, isAlive, NO_PID, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);
const schema = z.object({ a: z.number() });

describe('files', () => {
  it('are written whole and private, and read back', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x.json');
    await writeJson(path, { a: 1 });
    await writeJson(path, { a: 2 });
    expect(await readJson(path, schema)).toEqual({ found: 'yes', value: { a: 2 } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['x.json']);
  });

  it('tells missing, broken and unreadable apart', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x.json');
    expect(await readJson(path, schema)).toEqual({ found: 'no' });
    writeFileSync(path, '{"a":');
    expect(await readJson(path, schema)).toMatchObject({ found: 'corrupt' });
    writeFileSync(path, '{"a":"text"}');
    expect(await readJson(path, schema)).toMatchObject({ found: 'corrupt' });
    await expect(readJson(folder, schema)).rejects.toThrow(/EISDIR/);
    await quarantine(path);
    expect(readdirSync(folder)).toEqual(['x.json.corrupt']);
    await quarantine(path);
  });

  it('leaves nothing behind when it cannot write', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'taken/inside'), { recursive: true });
    await expect(writeAtomic(join(folder, 'taken'), 'x')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
    await expect(writeAtomic(join(folder, 'no/such/folder'), 'x')).rejects.toThrow(/ENOENT/);
  });

  it('knows the codes of system errors', () => {
    expect(hasCode(Object.assign(new Error('x'), { code: 'ENOENT' }), 'EPERM', 'ENOENT')).toBe(true);
    expect(hasCode(new Error('x'), 'ENOENT')).toBe(false);
    expect(hasCode('ENOENT', 'ENOENT')).toBe(false);
  });
});

describe('home', () => {
  it('lies where the specification says', () => {
    expect(defaultHome('linux')).toBe('/var/lib/eucora-agent');
    expect(defaultHome('darwin')).toBe('/Library/Application Support/EUCORA/Agent');
    expect(defaultHome('win32')).toBe('C:\\ProgramData\\EUCORA\\Agent');
  });

  it('is made private, also when it was not', async () => {
    const root = join(temporaryFolder(), 'home');
    mkdirSync(join(root, 'queue'), { recursive: true, mode: 0o755 });
    await prepareHome(homeAt(root));
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'queue')).mode & 0o777).toBe(0o700);
  });
});

describe('lock', () => {
  it('lets one in, and the next after its release', async () => {
    const path = join(temporaryFolder(), 'lock');
    const first = await acquireLock(path);
    await expect(acquireLock(path, 150)).rejects.toThrow(
      /Another agent \(process \d+\) already uses .*EUCORA_AGENT_HOME/,
    );
    const waiting = acquireLock(path, 60_000);
    await first.release();
    await (await waiting).release();
  });

  it.each([
    ['a dead process', { pid: NO_PID }],
    ['another process under the same pid', { started: '1' }],
    ['another boot', { boot: 'other' }],
    ['the home that this one was copied from', { directory: '1:2:/elsewhere' }],
  ])('is taken over from %s', async (_what, change) => {
    const folder = temporaryFolder();
    const path = join(folder, 'lock');
    await acquireLock(path);
    const owner = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...owner, ...change }));
    const lock = await acquireLock(path);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    expect(readdirSync(folder)).toEqual(['lock']);
    await lock.release();
  });

  it('is taken over from a dead process that nobody buries', async () => {
    const path = join(temporaryFolder(), 'lock');
    await acquireLock(path);
    const own = JSON.parse(readFileSync(path, 'utf8'));
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [told] = await once(parent.stdout, 'data');
    const pid = Number(told);
    const started = await processStart(pid);
    writeFileSync(path, JSON.stringify({ ...own, pid, started }));
    process.kill(pid, 'SIGKILL');
    await eventually(() => !isAlive(pid));
    await (await acquireLock(path)).release();
    parent.kill('SIGKILL');
  });

  it('left behind is taken over by one of many that find it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const folder = temporaryFolder();
      const path = join(folder, 'lock');
      writeFileSync(path, '{}');
      const attempts = await Promise.allSettled(Array.from({ length: 12 }, () => acquireLock(path)));
      expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(readdirSync(folder)).toEqual(['lock']);
    }
  });

  it.each([
    ['long ago', 1],
    ['by a clock that was ahead', 4_000_000_000],
  ])('is taken over although another died in taking it over, %s', async (_, seconds) => {
    const folder = temporaryFolder();
    const path = join(folder, 'lock');
    writeFileSync(path, '{}');
    mkdirSync(`${path}.takeover`);
    utimesSync(`${path}.takeover`, seconds, seconds);
    const lock = await acquireLock(path);
    expect(readdirSync(folder)).toEqual(['lock']);
    await lock.release();
  });

  it('says what stands in the way of taking it over', async () => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, '{}');
    writeFileSync(`${path}.takeover`, '');
    utimesSync(`${path}.takeover`, 1, 1);
    await expect(acquireLock(path)).rejects.toThrow(/lock\.takeover is left of a takeover .* remove it/s);
  });

  it('is taken over when it is broken', async () => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, 'not JSON');
    await (await acquireLock(path)).release();
  });

  it('fails where it cannot be made', async () => {
    await expect(acquireLock(join(temporaryFolder(), 'no/lock'))).rejects.toThrow(/ENOENT/);
    const folder = temporaryFolder();
    symlinkSync(join(folder, 'nowhere'), join(folder, 'folder'));
    await expect(acquireLock(join(folder, 'folder', 'lock'))).rejects.toThrow();
  });

  it('knows when processes started', async () => {
    expect(await processStart(process.pid)).toMatch(/^\d+$/);
    expect(await processStart(NO_PID)).toBeNull();
  });
});
