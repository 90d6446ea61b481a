import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export type LaidOut =
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'file'; readonly size: number; readonly executable: boolean }
  | { readonly path: string; readonly kind: 'link'; readonly target: string };

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1);
const executable = ({ mode }: Stats): boolean => (mode & 0o111) !== 0;

/** Everything below a folder, parents before children, in the order of code units. Paths count from the folder. */
export async function walk(root: string, below = ''): Promise<LaidOut[]> {
  const found: LaidOut[] = [];
  const entries = await readdir(join(root, below), { withFileTypes: true });
  for (const entry of entries.sort(byName)) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push({ path, kind: 'folder' }, ...(await walk(root, path)));
    else if (entry.isSymbolicLink())
      found.push({ path, kind: 'link', target: await readlink(join(root, path)) });
    else {
      const status = await lstat(join(root, path));
      found.push({ path, kind: 'file', size: status.size, executable: executable(status) });
    }
  }
  return found;
}
