import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { contentOf, parseJson } from '../../agent/storage/files.ts';
import { type HeldLock, StuckTakeoverError, takeLockFile } from '../../agent/storage/lock-file.ts';
import { EngineError } from './errors.ts';
import { identify, isRunning, type ProcessIdentity } from './processes.ts';

export type LockAttempt = HeldLock | { readonly heldBy: ProcessIdentity };

const ownerSchema = z.object({ pid: z.number().int(), startedAt: z.string() });

async function ownerOf(content: string): Promise<ProcessIdentity | undefined> {
  const owner = parseJson(content, ownerSchema);
  return owner.found === 'yes' && (await isRunning(owner.value)) ? owner.value : undefined;
}

/** The living process that holds the lock, undefined when none does. Takes nothing and changes nothing. */
export async function holderOf(path: string): Promise<ProcessIdentity | undefined> {
  const content = await contentOf(path);
  return content === undefined ? undefined : ownerOf(content);
}

/** Takes the lock file at once, or says which living process holds it. Locks of the dead are taken over. */
export async function tryLock(path: string): Promise<LockAttempt> {
  const own = await identify(process.pid);
  if (own === undefined) throw new Error('this process cannot find itself in the process table');
  return takeLockFile(path, own, ownerOf).catch((error: unknown) => {
    throw error instanceof StuckTakeoverError ? new EngineError(error.message, { cause: error }) : error;
  });
}

/**
 * Takes the lock, waiting for its holder as long as that lives, or until `signal` fires. `onWait` is told once whom
 * we wait for.
 */
export async function lock(
  path: string,
  onWait: (holder: ProcessIdentity) => void,
  signal?: AbortSignal,
): Promise<HeldLock> {
  let told = false;
  for (;;) {
    const attempt = await tryLock(path);
    if ('release' in attempt) return attempt;
    if (!told) onWait(attempt.heldBy);
    told = true;
    await delay(100);
    signal?.throwIfAborted();
  }
}
