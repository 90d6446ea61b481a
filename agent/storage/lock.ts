import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../exit-codes.ts';
import { messageOf } from '../log.ts';
import { sleep } from '../timing.ts';
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

/** Far longer than a takeover takes: its own process died in it. */
const ABANDONED_MS = 10_000;

/** The live owner; `gone` where the lock was left behind by one that is dead, or cannot be read. */
async function holderOf(path: string): Promise<Owner | 'gone' | undefined> {
  const holder = await readJson(path, ownerSchema);
  if (holder.found === 'no') return undefined;
  return holder.found === 'yes' && (await lives(holder.value, path)) ? holder.value : 'gone';
}

async function removeAbandoned(guard: string): Promise<void> {
  try {
    await rmdir(guard);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw new ConfigurationError(
      `${guard} keeps this agent from its home and cannot be removed (${messageOf(error)}): remove it.`,
    );
  }
}

/** Removes a lock that was left behind; one at a time, else the slower of two would remove the fresh one of the other. */
async function clearAway(path: string): Promise<void> {
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
    if ((await holderOf(path)) === 'gone') await rm(path, { force: true });
  } finally {
    await rmdir(guard).catch(() => undefined);
  }
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
      const holder = await holderOf(path);
      if (holder === 'gone') {
        await clearAway(path);
      } else if (holder !== undefined) {
        if (Date.now() >= until) {
          throw new ConfigurationError(
            `Another agent (process ${holder.pid}) already uses ${dirname(path)}. Stop it first, or give this one its own home (EUCORA_AGENT_HOME).`,
          );
        }
        await sleep(100);
      }
    }
  } finally {
    await rm(mark, { force: true });
  }
}
