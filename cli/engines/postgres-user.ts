import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { runCommand } from './command.ts';
import { EngineError } from './errors.ts';
import { note, type Progress } from './progress.ts';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

type Run = (file: string, args: readonly string[]) => Promise<string>;

const CREATED_USER = 'eucora-postgres';

async function find(name: string, run: Run): Promise<SystemUser | undefined> {
  try {
    const uid = Number((await run('id', ['-u', name])).trim());
    const gid = Number((await run('id', ['-g', name])).trim());
    return Number.isInteger(uid) && uid > 0 && Number.isInteger(gid) ? { name, uid, gid } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The user Postgres runs as, undefined when we are not root and it runs as ourselves. Postgres refuses root.
 * @throws EngineError when there is no unprivileged user at all.
 */
export async function postgresUser(
  progress: Progress,
  options: { readonly uid?: number | undefined; readonly run?: Run } = { uid: process.getuid?.() },
): Promise<SystemUser | undefined> {
  if (options.uid !== 0) return undefined;
  const run: Run = options.run ?? ((file, args) => runCommand(file, args, { timeoutMs: 20_000 }));
  const existing = (await find('postgres', run)) ?? (await find(CREATED_USER, run));
  if (existing !== undefined) return existing;
  try {
    const shell = ['--shell', '/usr/sbin/nologin', '--no-create-home', '--home-dir', '/nonexistent'];
    await run('useradd', ['--system', '--user-group', ...shell, CREATED_USER]);
    note(progress, `made the system user ${CREATED_USER}: Postgres does not run as root`);
  } catch {
    // Some images have no useradd, or a read-only /etc.
  }
  const user = (await find(CREATED_USER, run)) ?? (await find('nobody', run));
  if (user !== undefined) return user;
  throw new EngineError('Postgres does not run as root, and this machine has no user to run it as', {
    hint: 'Run as an ordinary user, create a user named "postgres", or give DATABASE_URL.',
  });
}

/**
 * The first folder on the way to `path` (itself included) that the user may not pass, undefined when the way is open.
 * Folders that do not exist yet are passed over.
 */
export async function firstBlocked(path: string, user: SystemUser): Promise<string | undefined> {
  const way: string[] = [];
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    way.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of way) {
    const found = await stat(folder).catch(() => undefined);
    if (found === undefined) return undefined;
    const needed = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
    if ((found.mode & needed) === 0) return folder;
  }
  return undefined;
}
