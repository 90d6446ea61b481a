import { renameSync, rmSync } from 'node:fs';

/** What a rename says where there is one of that name, be it a link to a folder. */
const THERE = process.platform === 'win32' ? ['EPERM', 'EEXIST'] : ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'];

/**
 * Gives a folder its name, in place of the one before, which goes to `aside` and then away. Others may do the same at
 * the same time: the last one counts.
 */
export function putInPlace(folder, target, aside) {
  for (;;) {
    try {
      renameSync(folder, target);
      break;
    } catch (error) {
      if (!THERE.includes(error.code)) throw error;
    }
    // Of a round before, after which another one was faster.
    rmSync(aside, { recursive: true, force: true });
    try {
      renameSync(target, aside);
    } catch (error) {
      // Another one has just taken it away.
      if (error.code !== 'ENOENT') throw error;
    }
  }
  // Not before: removing takes long, and meanwhile there would be none of that name.
  rmSync(aside, { recursive: true, force: true });
}
