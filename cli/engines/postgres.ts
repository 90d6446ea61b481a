import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { messageOf } from './errors.ts';
import { makeDirectory } from './files.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { type Cluster, ensureCluster, SUPERUSER } from './postgres-cluster.ts';
import { commandLineOf, type Escalation, identify, terminate } from './processes.ts';
import { note, type Progress, silent } from './progress.ts';
import { type LaunchHooks, launchEngine, type RunningProcess } from './running.ts';

export { ensurePostgres, type PostgresBinaries } from './postgres-binaries.ts';

export interface PostgresOptions extends LaunchHooks {
  readonly binaries: PostgresBinaries;
  readonly dataDir: string;
  readonly port: number;
  /** Default: made at random and kept in `<dataDir>-password` (0600). */
  readonly password?: string;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Made when missing. Default 'eucora'. */
  readonly database?: string;
  readonly logFile?: string;
  readonly progress?: Progress;
  readonly fallbackRoot?: string;
  /** Milliseconds; a long recovery after a crash counts, too. Default 120,000. */
  readonly readyTimeoutMs?: number;
}

export interface RunningPostgres extends RunningProcess {
  readonly url: string;
  readonly port: number;
  /** Where the data really lies; not `dataDir` when Postgres' user could not reach that. */
  readonly folder: string;
}

/** For databases that are thrown away: no protection against loss of power. */
export const TEST_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

// SIGINT is Postgres' fast shutdown, SIGQUIT its immediate one (recovery at the next start).
const ESCALATION: Escalation = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
];

/** The pid in an old pid file may be anybody's by now: never signal a process that is not Postgres on this folder. */
async function serves(pid: number, folder: string): Promise<boolean> {
  return (await commandLineOf(pid))?.includes(`-D ${folder}`) ?? false;
}

/** Stops a server that an earlier, killed start left behind, and removes its pid file when nothing stands behind it. */
async function clearPrevious(cluster: Cluster, progress: Progress): Promise<void> {
  const path = join(cluster.folder, 'postmaster.pid');
  const content = await readFile(path, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  const identity = await identify(Number.parseInt(content, 10));
  if (identity !== undefined && (await serves(identity.pid, cluster.folder))) {
    note(progress, `stopping Postgres ${identity.pid}, left over from an earlier start`);
    await terminate(identity, ESCALATION);
  }
  await rm(path, { force: true });
}

async function makeDatabase(options: PostgresOptions, name: string, password: string): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: options.port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  });
  // A server that dies under a connection must not take us with it.
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function launch(options: PostgresOptions, cluster: Cluster, name: string): Promise<RunningProcess> {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: '200',
    ...options.settings,
  };
  const logFile = options.logFile ?? join(dirname(options.dataDir), 'postgres.log');
  await makeDirectory(dirname(logFile), 0o700);
  return launchEngine({
    name: 'Postgres',
    file: options.binaries.postgres,
    args: [
      '-D',
      cluster.folder,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    spawn: {
      cwd: cluster.folder,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', ...windowsEnvironment() },
      ...(cluster.user === undefined ? {} : { uid: cluster.user.uid, gid: cluster.user.gid }),
    },
    logFile,
    ports: [options.port],
    escalation: ESCALATION,
    guardSignal: 'INT',
    probe: () => makeDatabase(options, name, cluster.password),
    readyTimeoutMs: options.readyTimeoutMs ?? 120_000,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    signal: options.signal,
  });
}

function windowsEnvironment(): Record<string, string> {
  const root = process.env['SystemRoot'];
  return root === undefined ? {} : { SystemRoot: root };
}

/**
 * Starts Postgres on 127.0.0.1 (passwords by SCRAM, no socket file), makes cluster and database when they are
 * missing, and returns when it takes connections.
 * @throws EngineError with the end of its log when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const progress = options.progress ?? silent;
  const name = options.database ?? 'eucora';
  const cluster = await ensureCluster({
    binaries: options.binaries,
    dataDir: options.dataDir,
    password: options.password,
    progress,
    fallbackRoot: options.fallbackRoot,
    sync: options.settings?.['fsync'] !== 'off',
    signal: options.signal,
  });
  const until = performance.now() + 20_000;
  for (;;) {
    await clearPrevious(cluster, progress);
    try {
      const running = await launch(options, cluster, name);
      const account = `${SUPERUSER}:${encodeURIComponent(cluster.password)}`;
      const url = `postgres://${account}@127.0.0.1:${options.port}/${encodeURIComponent(name)}`;
      return { ...running, url, port: options.port, folder: cluster.folder };
    } catch (error) {
      // After a SIGKILL the old server's children live on for a moment and hold its shared memory.
      const again = messageOf(error).includes('shared memory block') && performance.now() < until;
      if (!again) throw error;
      await delay(250);
    }
  }
}
