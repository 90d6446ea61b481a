import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const LISTENING = '0A';

/** Inodes of the sockets that listen on a port, out of the kernel's table. */
function inodesOf(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === LISTENING)
    .flatMap((fields) => fields[9] ?? []);
}

/**
 * Whether this very process listens on the port: another one, that was quicker, would answer just as well when asked
 * whether it is ready. Undefined where the system does not tell (not Linux, or a process of another user).
 */
export async function listens(
  pid: number,
  port: number,
  platform: NodeJS.Platform = process.platform,
): Promise<boolean | undefined> {
  if (platform !== 'linux') return undefined;
  const root = `/proc/${pid}`;
  try {
    const tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(join(root, 'net', name), 'utf8').catch(() => '')),
    );
    const wanted = new Set(
      tables.flatMap((table) => inodesOf(table, port)).map((inode) => `socket:[${inode}]`),
    );
    for (const descriptor of await readdir(join(root, 'fd'))) {
      const target = await readlink(join(root, 'fd', descriptor)).catch(() => '');
      if (wanted.has(target)) return true;
    }
    return false;
  } catch {
    return undefined;
  }
}

/** Whether a start failed because somebody else has its port. */
export function isPortConflict(message: string): boolean {
  return /EADDRINUSE|address already in use|port already in use|could not bind/i.test(message);
}
