import { mkdir, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ToolContext } from '../context.ts';

/**
 * A cache folder for one run of Trivy: the database is the worker's, what Trivy remembers of a scan is not. In a
 * shared folder, scans side by side would wait for each other's lock.
 */
export async function trivyCache(ctx: ToolContext, purpose: string): Promise<string> {
  const folder = join(ctx.workspace, `trivy-${purpose}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await symlink(resolve(ctx.settings.scan.trivyCache, 'db'), join(folder, 'db'));
  return folder;
}
