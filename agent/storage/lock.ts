import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../exit-codes.ts';
import { sleep } from '../timing.ts';
import { hasCode, parseJson } from './files.ts';
import { type HeldLock, StuckTakeoverError, takeLockFile } from './lock-file.ts';

/**
 * One process a home. The owner is named by pid and start time, since pids are used again, by the boot, and by
 * the directory, so that a copied home does not believe that its original runs here.
 */
const ownerSchema = z.object({
  pid: z.number().int(),
  started: z.string().nullable(),
  boot: z.string().nullable(),
  directory: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

/** What the kernel tells of a process, from its state on; nothing where the system does not tell. */
async function statusOf(pid: number): Promise<string[]> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program may hold blanks and brackets: count from its last bracket.
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

/** Start time of a process in the kernel's own words; null where the system does not tell. */
export const processStart = async (pid: number): Promise<string | null> => (await statusOf(pid))[19] ?? null;

/** Changes with every boot; null where the system does not tell. */
export const bootId = async (): Promise<string | null> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null))?.trim() ?? null;

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function describe(path: string, pid: number): Promise<Owner> {
  const directory = await stat(dirname(path));
  return {
    pid,
    started: await processStart(pid),
    boot: await bootId(),
    directory: `${directory.dev}:${directory.ino}:${dirname(path)}`,
  };
}

async function lives(owner: Owner, path: string): Promise<boolean> {
  if (!exists(owner.pid)) return false;
  // A zombie is dead; where nobody buries it, as in many containers, its pid stays.
  if ((await statusOf(owner.pid))[0] === 'Z') return false;
  const now = await describe(path, owner.pid);
  return now.started === owner.started && now.boot === owner.boot && now.directory === owner.directory;
}

/**
 * Takes the lock, waiting up to `waitMs` for its owner to end.
 * @throws ConfigurationError when another live process keeps it
 */
export async function acquireLock(path: string, waitMs = 0): Promise<HeldLock> {
  const own = await describe(path, process.pid);
  const ownerOf = async (content: string): Promise<Owner | undefined> => {
    const owner = parseJson(content, ownerSchema);
    return owner.found === 'yes' && (await lives(owner.value, path)) ? owner.value : undefined;
  };
  const until = Date.now() + waitMs;
  for (;;) {
    const attempt = await takeLockFile(path, own, ownerOf).catch((error: unknown) => {
      throw error instanceof StuckTakeoverError ? new ConfigurationError(error.message) : error;
    });
    if ('release' in attempt) return attempt;
    if (Date.now() >= until) {
      throw new ConfigurationError(
        `Another agent (process ${attempt.heldBy.pid}) already uses ${dirname(path)}. Stop it first, or give this one its own home (EUCORA_AGENT_HOME).`,
      );
    }
    await sleep(100);
  }
}
