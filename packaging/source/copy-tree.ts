import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../errors.ts';
import { contentOf } from './content-of.ts';
import type { TreeWriter } from './tree-writer.ts';

/** Copies a folder's content below `to` of a tree, through the tree's guard. @throws PackagingError */
export async function copyTree(from: string, tree: TreeWriter, to: string): Promise<void> {
  const names = await readdir(from);
  // A fixed order: what is made of the tree is then the same each time.
  for (const name of names.sort()) {
    const path = join(from, name);
    const target = to === '' ? name : `${to}/${name}`;
    const status = await lstat(path);
    if (status.isDirectory()) {
      await tree.folder(target);
      await copyTree(path, tree, target);
    } else if (status.isSymbolicLink()) await tree.link(target, await readlink(path));
    else if (status.isFile()) await tree.file(target, status.mode, contentOf(path));
    else throw refused('special-file', `${JSON.stringify(target)} is neither file, folder nor link`);
  }
}
