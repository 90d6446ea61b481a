import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { contentOf } from '../../agent/storage/files.ts';
import { runCommand } from './command.ts';
import { EngineError } from './errors.ts';
import { exists, makeDirectory, writeAtomically } from './files.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { firstBlocked, postgresUser, type SystemUser } from './postgres-user.ts';
import { identify } from './processes.ts';
import { note, type Progress, step } from './progress.ts';

export const SUPERUSER = 'eucora';

export interface Cluster {
  readonly folder: string;
  readonly user: SystemUser | undefined;
  readonly password: string;
}

export interface ClusterOptions {
  readonly binaries: PostgresBinaries;
  /** The cluster's own folder, usually `<EUCORA_DATA_DIR>/postgres`. */
  readonly dataDir: string;
  readonly password?: string | undefined;
  readonly progress: Progress;
  /** Where clusters go whose own place Postgres' user cannot reach. */
  readonly fallbackRoot?: string | undefined;
  /** false: a throw-away cluster, not flushed to disk. */
  readonly sync?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Initialises only what is empty; initdb fills a folder beside, so that a half-made cluster is never taken for one. */
async function initialise(options: ClusterOptions, cluster: Cluster): Promise<void> {
  const { folder, user } = cluster;
  const nonce = randomBytes(4).toString('hex');
  const parent = dirname(folder);
  const temporary = join(parent, `.${basename(folder)}-${nonce}`);
  const passwordFile = join(parent, `.password-${nonce}`);
  try {
    await mkdir(temporary, { mode: 0o700 });
    await writeFile(passwordFile, cluster.password, { mode: 0o600, flag: 'wx' });
    if (user !== undefined) {
      await chown(temporary, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
    await runCommand(
      options.binaries.initdb,
      [
        '-D',
        temporary,
        '--encoding=UTF8',
        ...locale,
        ...access,
        '--no-instructions',
        ...(options.sync === false ? ['--no-sync'] : []),
      ],
      { cwd: temporary, uid: user?.uid, gid: user?.gid, timeoutMs: 120_000, signal: options.signal },
    );
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Kept beside the cluster and written before it is made: there is never a cluster without its password. */
async function passwordFor(folder: string, given: string | undefined): Promise<string> {
  const path = `${folder}-password`;
  if (given !== undefined) return given;
  const kept = await contentOf(path);
  if (kept !== undefined) return kept.trim();
  if (await exists(join(folder, 'PG_VERSION'))) {
    throw new EngineError(`the password file ${path} of the Postgres data in ${folder} is missing`, {
      hint: 'Put it back from a backup, or move the data folder away to begin with an empty one.',
    });
  }
  const password = randomBytes(24).toString('base64url');
  await writeAtomically(path, `${password}\n`, 0o600);
  return password;
}

/**
 * The place under `root` for the cluster of a data folder. Its name holds an id kept in that folder: when the folder
 * is deleted and made anew, the old data must not come back, and is removed.
 */
async function substitute(root: string, own: string): Promise<string> {
  const marker = `${own}-place`;
  const prefix = createHash('sha256').update(own).digest('hex').slice(0, 16);
  const kept = await contentOf(marker);
  if (kept !== undefined) return join(root, `${prefix}-${kept.trim()}`);
  for (const entry of await readdir(root)) {
    if (!entry.startsWith(`${prefix}-`)) continue;
    const pid = await contentOf(join(root, entry, 'postmaster.pid'));
    if ((await identify(Number.parseInt(pid ?? '', 10))) !== undefined) continue;
    await rm(join(root, entry), { recursive: true, force: true });
  }
  const id = randomBytes(4).toString('hex');
  await writeAtomically(marker, `${id}\n`, 0o600);
  return join(root, `${prefix}-${id}`);
}

async function place(options: ClusterOptions, user: SystemUser | undefined): Promise<string> {
  const own = resolve(options.dataDir);
  const parent = dirname(own);
  await makeDirectory(parent, user === undefined ? 0o700 : 0o711);
  if (user === undefined) return own;
  if ((await firstBlocked(dirname(parent), user)) === undefined) {
    if ((await firstBlocked(parent, user)) === parent) await chmod(parent, 0o711);
    return own;
  }
  const root = options.fallbackRoot ?? '/var/lib/eucora/clusters';
  await makeDirectory(dirname(root), 0o711);
  await makeDirectory(root, 0o711);
  const folder = await substitute(root, own);
  const blocked = await firstBlocked(parent, user);
  note(
    options.progress,
    `the user ${user.name}, as which Postgres runs, may not pass ${blocked}: the database is kept in ${folder}`,
  );
  return folder;
}

/** Finds or makes the cluster for a data folder. @throws EngineError for one of another major version. */
export async function ensureCluster(options: ClusterOptions): Promise<Cluster> {
  const user = await postgresUser(options.progress);
  const folder = await place(options, user);
  const cluster = { folder, user, password: await passwordFor(folder, options.password) };
  // Throws what is there and cannot be read: data must not be made anew over it.
  const version = await contentOf(join(folder, 'PG_VERSION'));
  const major = options.binaries.version.split('.')[0];
  if (version === undefined) {
    await step(options.progress, `Making a Postgres cluster in ${folder}`, () =>
      initialise(options, cluster),
    );
  } else if (version.trim() !== major) {
    throw new EngineError(`${folder} was made by Postgres ${version.trim()}, this is Postgres ${major}`, {
      hint: 'Dump it with its own version (pg_dumpall), move it away, start, and load the dump.',
    });
  }
  return cluster;
}
