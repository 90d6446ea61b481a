import { constants } from 'node:fs';
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { machineTrouble } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';

/** Nothing: a package may bring a `trivy.yaml` or a `.trivyignore`, which must not decide how it is looked at. */
export const NO_SETTINGS = ['--config', '/dev/null', '--ignorefile', '/dev/null'];

interface TrivyLook {
  readonly view: 'fs' | 'rootfs';
  /** Names the folder that Trivy works in: runs side by side have each their own. */
  readonly purpose: string;
  readonly args: readonly string[];
  /** Whether it looks for weaknesses. */
  readonly database: boolean;
  /** Whether it needs its index of Java archives. */
  readonly java: boolean;
}

/**
 * Has Trivy look at a tree, offline, by our settings alone. Trivy opens its database for writing, also when it only
 * reads: each run has a copy of its own, so that what a package makes of Trivy reaches no other package's scan, and none
 * waits for another's lock.
 *
 * @throws PackagingError
 */
export async function runTrivy(
  ctx: ToolContext,
  tree: string,
  { view, purpose, args, database, java }: TrivyLook,
): Promise<void> {
  const cache = join(ctx.workspace, `trivy-${purpose}`);
  await rm(cache, { recursive: true, force: true });
  await mkdir(cache, { mode: 0o700 });
  try {
    if (database) await copyDatabase(ctx.settings.scan.trivyCache, cache);
    const index = join(ctx.settings.scan.trivyCache, 'java-db');
    // Only read, and too large for a copy each.
    if (java) await symlink(index, join(cache, 'java-db'));
    await runTool(
      ctx,
      'trivy',
      [
        ...[view, ...NO_SETTINGS, ...args, '--cache-dir', cache, '--offline-scan', '--skip-java-db-update'],
        // Its own limit is half of ours, which ends it, too.
        ...['--timeout', `${Math.ceil(ctx.limits.timeMs / 1_000)}s`, '.'],
      ],
      // From the tree itself, whose place would else stand in what is written.
      { cwd: tree, failure: 'scan-failed', reads: java ? [index] : [] },
    );
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

/** Has Trivy write a report of its own in another form. @throws PackagingError */
export async function convertByTrivy(
  ctx: ToolContext,
  report: string,
  format: string,
  output: string,
): Promise<void> {
  const args = ['convert', ...NO_SETTINGS, '--format', format, '--output', output, report];
  await runTool(ctx, 'trivy', args, { failure: 'scan-failed' });
}

/** Shares the blocks with the original where the file system can. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await mkdir(join(to, 'db'), { mode: 0o700 });
  try {
    for (const name of ['metadata.json', 'trivy.db'])
      await copyFile(join(from, 'db', name), join(to, 'db', name), constants.COPYFILE_FICLONE);
  } catch (error) {
    throw machineTrouble(error, 'Trivy’s database could not be copied') ?? error;
  }
}
