import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../exit-codes.ts';
import { hasCode, PRIVATE_FILE, readJson } from './files.ts';

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

export interface Lock {
  release(): Promise<void>;
}

/** Start time of a process in the kernel's own words; null where the system does not tell. */
export async function processStart(pid: number): Promise<string | null> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The name of the program may hold blanks and brackets: count from its last bracket.
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

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
  const now = await describe(path, owner.pid);
  return now.started === owner.started && now.boot === owner.boot && now.directory === owner.directory;
}

/**
 * Takes the lock, waiting up to `waitMs` for its owner to end.
 * @throws ConfigurationError when another live process keeps it
 */
export async function acquireLock(path: string, waitMs = 0): Promise<Lock> {
  const mark = `${path}.${randomBytes(6).toString('hex')}`;
  const own = await describe(path, process.pid);
  const until = Date.now() + waitMs;
  await writeFile(mark, JSON.stringify(own), { mode: PRIVATE_FILE });
  try {
    for (;;) {
      try {
        await link(mark, path);
        return { release: () => rm(path, { force: true }) };
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
      const holder = await readJson(path, ownerSchema);
      if (holder.found === 'yes' && (await lives(holder.value, path))) {
        if (Date.now() >= until) {
          throw new ConfigurationError(
            `Another agent (process ${holder.value.pid}) already uses ${dirname(path)}. Stop it first, or give this one its own home (EUCORA_AGENT_HOME).`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      } else if (holder.found !== 'no') {
        // Renamed before it is removed: of two that find it dead only one gets the file.
        const stale = `${mark}.stale`;
        await rename(path, stale).catch(() => undefined);
        await rm(stale, { force: true });
      }
    }
  } finally {
    await rm(mark, { force: true });
  }
}
