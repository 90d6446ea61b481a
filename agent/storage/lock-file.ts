import { randomBytes } from 'node:crypto';
import { link, mkdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { sleep } from '../timing.ts';
import { contentOf, hasCode, PRIVATE_FILE } from './files.ts';

export interface HeldLock {
  /** Gives the lock back. Harmless when called twice. */
  release(): Promise<void>;
}

/** The live owner that the content of a lock file names; undefined when that is dead, or cannot be understood. */
export type OwnerLookup<Owner> = (content: string) => Promise<Owner | undefined>;

/** A takeover that was cut off keeps everyone out, and the system does not let it be removed. */
export class StuckTakeoverError extends Error {
  constructor(guard: string, cause: unknown) {
    super(
      `${guard} is left of a takeover that was cut off, and cannot be removed (${String(cause)}): remove it.`,
      { cause },
    );
    this.name = 'StuckTakeoverError';
  }
}

/** Far longer than a takeover takes: its own process died in it. */
const ABANDONED_MS = 10_000;

async function removeAbandoned(guard: string): Promise<void> {
  try {
    await rmdir(guard);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw new StuckTakeoverError(guard, error);
  }
}

/**
 * Removes the lock of an owner that is gone, one process at a time. Any other one is left alone: while the owner was
 * asked after, which takes long on a slow system, somebody faster may have taken the lock over.
 */
async function clearAway(path: string, dead: string): Promise<void> {
  const guard = `${path}.takeover`;
  try {
    await mkdir(guard);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    const begun = (await stat(guard).catch(() => undefined))?.mtimeMs ?? Date.now();
    // Clocks may have been set back since.
    if (Math.abs(Date.now() - begun) > ABANDONED_MS) await removeAbandoned(guard);
    return sleep(20);
  }
  try {
    if ((await contentOf(path)) === dead) await rm(path, { force: true });
  } finally {
    await rmdir(guard).catch(() => undefined);
  }
}

/**
 * Takes a lock file at once for `own`, which is written into it as JSON, or says who holds it. Locks whose owners are
 * gone are taken over; of many that try, one gets it.
 * @throws StuckTakeoverError
 */
export async function takeLockFile<Owner extends object>(
  path: string,
  own: Owner,
  ownerOf: OwnerLookup<Owner>,
): Promise<HeldLock | { readonly heldBy: Owner }> {
  const mark = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(mark, JSON.stringify(own), { mode: PRIVATE_FILE, flag: 'wx' });
  try {
    for (;;) {
      try {
        // A link appears with its content and fails when the name is taken: no moment with an empty lock.
        await link(mark, path);
        let held = true;
        return {
          release: async () => {
            if (held) await rm(path, { force: true });
            held = false;
          },
        };
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
      const content = await contentOf(path);
      if (content === undefined) continue;
      const owner = await ownerOf(content);
      if (owner !== undefined) return { heldBy: owner };
      await clearAway(path, content);
    }
  } finally {
    await rm(mark, { force: true });
  }
}
