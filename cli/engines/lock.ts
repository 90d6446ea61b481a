import { randomBytes } from 'node:crypto';
import { link, mkdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from './errors.ts';
import { readJson } from './files.ts';
import { identify, isRunning, type ProcessIdentity } from './processes.ts';

export interface HeldLock {
  /** Gives the lock back. Harmless when called twice. */
  release(): Promise<void>;
}

export type LockAttempt = HeldLock | { readonly heldBy: ProcessIdentity };

function identityIn(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) {
    return undefined;
  }
  const { pid, startedAt } = value;
  return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
}

async function create(path: string, owner: ProcessIdentity): Promise<boolean> {
  const temporary = join(dirname(path), `.lock-${randomBytes(6).toString('hex')}`);
  await writeFile(temporary, JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  try {
    // A link appears with its content and fails when the name is taken: no moment with an empty lock.
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes a lock whose holder is dead. Guarded, else a slow second taker would remove the first one's fresh lock. */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  try {
    await mkdir(guard);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const { mtimeMs } = await stat(guard).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 10_000) await rmdir(guard).catch(() => undefined);
    await delay(20);
    return;
  }
  try {
    if ((await holderOf(path)) === undefined) await rm(path, { force: true });
  } finally {
    await rmdir(guard);
  }
}

/** The living process that holds the lock, undefined when none does. Takes nothing and changes nothing. */
export async function holderOf(path: string): Promise<ProcessIdentity | undefined> {
  const holder = identityIn(await readJson(path));
  return holder !== undefined && (await isRunning(holder)) ? holder : undefined;
}

/** Takes the lock file at once, or says which living process holds it. Locks of the dead are taken over. */
export async function tryLock(path: string): Promise<LockAttempt> {
  const owner = await identify(process.pid);
  if (owner === undefined) throw new Error('this process cannot find itself in the process table');
  for (;;) {
    if (await create(path, owner)) {
      let held = true;
      return {
        release: async () => {
          if (held) await rm(path, { force: true });
          held = false;
        },
      };
    }
    const heldBy = await holderOf(path);
    if (heldBy !== undefined) return { heldBy };
    await removeStale(path);
  }
}

/** Takes the lock, waiting for its holder as long as that lives. `onWait` is told once whom we wait for. */
export async function lock(path: string, onWait: (holder: ProcessIdentity) => void): Promise<HeldLock> {
  let told = false;
  for (;;) {
    const attempt = await tryLock(path);
    if ('release' in attempt) return attempt;
    if (!told) onWait(attempt.heldBy);
    told = true;
    await delay(100);
  }
}
