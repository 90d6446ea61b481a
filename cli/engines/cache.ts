import { randomBytes } from 'node:crypto';
import { chmod, lstat, readdir, readlink, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, posix, win32 } from 'node:path';
import { z } from 'zod';
import { codeOf } from './errors.ts';
import { makeDirectory, readJson, writeAtomically } from './files.ts';
import { lock } from './lock.ts';
import { note, type Progress, warn } from './progress.ts';

export interface HostFacts {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** undefined on Windows. */
  readonly uid: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function hostFacts(env: HostFacts['env'] = process.env): HostFacts {
  return { platform: process.platform, home: homedir(), uid: process.getuid?.(), env };
}

/**
 * The folder in which engines are kept for every clone of this user.
 * Root's is outside its home, because Postgres runs as another user and must read it.
 */
export function cacheDirectory(host: HostFacts = hostFacts()): string {
  const own = host.env['EUCORA_CACHE_DIR'];
  if (own !== undefined && own !== '') return own;
  if (host.platform === 'win32') {
    const local = host.env['LOCALAPPDATA'] ?? win32.join(host.home, 'AppData', 'Local');
    return win32.join(local, 'eucora', 'Cache');
  }
  if (host.platform === 'darwin') return posix.join(host.home, 'Library', 'Caches', 'eucora');
  if (host.uid === 0) return '/var/cache/eucora';
  const xdg = host.env['XDG_CACHE_HOME'];
  return posix.join(xdg === undefined || xdg === '' ? posix.join(host.home, '.cache') : xdg, 'eucora');
}

const MANIFEST = '.eucora-install.json';
const manifestSchema = z.object({ entries: z.record(z.string(), z.union([z.number(), z.string()])) });

/** Path to size (files) or target (symbolic links), for all in a folder. Makes everything readable on the way. */
async function describe(root: string, open: boolean): Promise<Record<string, number | string>> {
  const entries: Record<string, number | string> = {};
  if (open) await chmod(root, 0o755);
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const relative = path.slice(root.length + 1);
    if (relative === MANIFEST) continue;
    if (entry.isSymbolicLink()) {
      entries[relative] = await readlink(path);
      continue;
    }
    const { size, mode } = await lstat(path);
    if (open) await chmod(path, entry.isDirectory() || (mode & 0o100) !== 0 ? 0o755 : 0o644);
    if (!entry.isDirectory()) entries[relative] = size;
  }
  return entries;
}

/** True when the folder holds exactly what was installed: nothing missing, cut or added. */
export async function isIntact(folder: string): Promise<boolean> {
  const manifest = manifestSchema.safeParse(await readJson(join(folder, MANIFEST)));
  if (!manifest.success) return false;
  const found = await describe(folder, false).catch((error: unknown) => {
    // Just now another process replaces it, for it is damaged.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  const wanted = manifest.data.entries;
  return (
    found !== undefined &&
    Object.keys(found).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([path, value]) => found[path] === value)
  );
}

export interface InstallOptions {
  /** The cache folder. */
  readonly root: string;
  /** Folder name below it; carries the version. */
  readonly name: string;
  readonly progress: Progress;
  /** Ends the waiting for another one. */
  readonly signal?: AbortSignal | undefined;
  /** Fills the empty folder it gets; on an error nothing of it stays. */
  readonly install: (folder: string) => Promise<void>;
}

/** The folder of a finished, undamaged install, undefined when there is none. */
export async function findInstalled(root: string, name: string): Promise<string | undefined> {
  const folder = join(root, name);
  return (await isIntact(folder)) ? folder : undefined;
}

/**
 * Installs once per machine and user: the second of two parallel calls waits for the first and uses its work.
 * A damaged install is replaced. Returns the folder.
 */
export async function installOnce(options: InstallOptions): Promise<string> {
  const { root, name, progress, signal } = options;
  const ready = await findInstalled(root, name);
  if (ready !== undefined) return ready;
  await makeDirectory(root, 0o755);
  const held = await lock(
    join(root, `${name}.lock`),
    (holder) => note(progress, `waiting for process ${holder.pid}, which installs ${name} already`),
    signal,
  );
  const temporary = join(root, `.${name}-${randomBytes(4).toString('hex')}`);
  const target = join(root, name);
  try {
    const meanwhile = await findInstalled(root, name);
    if (meanwhile !== undefined) return meanwhile;
    await removeLeftovers(root, name);
    await makeDirectory(temporary, 0o755);
    await options.install(temporary);
    const entries = await describe(temporary, true);
    await writeAtomically(join(temporary, MANIFEST), JSON.stringify({ entries }), 0o644);
    if (await lstat(target).catch(() => undefined)) {
      warn(progress, `the install of ${name} in the cache was damaged and is replaced`);
      await rm(target, { recursive: true, force: true });
    }
    await rename(temporary, target);
    return target;
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await held.release();
  }
}

/** Of installs that were killed half way; safe because the lock is ours. */
async function removeLeftovers(root: string, name: string): Promise<void> {
  for (const entry of await readdir(root)) {
    if (entry.startsWith(`.${name}-`)) await rm(join(root, entry), { recursive: true, force: true });
  }
}
