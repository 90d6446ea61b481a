import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';

/** The folder of a workspace in which a package is taken apart to be verified, new and private. @returns its path */
export async function emptyFolder(ctx: ToolContext): Promise<string> {
  const folder = join(ctx.workspace, 'verify');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  return folder;
}
