import { renameSync, rmSync } from 'node:fs';

/** What a rename says where there is one of that name. */
const THERE = process.platform === 'win32' ? ['EPERM', 'EEXIST'] : ['ENOTEMPTY', 'EEXIST'];

/**
 * Gives a folder its name, in place of the one before, which goes to `aside` and then away. Others may do the same at
 * the same time: the last one counts.
 */
export function putInPlace(folder, target, aside) {
  for (;;) {
    try {
      renameSync(folder, target);
      return;
    } catch (error) {
      if (!THERE.includes(error.code)) throw error;
    }
    try {
      renameSync(target, aside);
    } catch (error) {
      // Another one has just taken it away.
      if (error.code !== 'ENOENT') throw error;
    }
    rmSync(aside, { recursive: true, force: true });
  }
}
