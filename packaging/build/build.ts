import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type PackageDescription, packageFileName } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import type { BuiltPackage, StagedSource } from '../results.ts';
import { checkIdentity } from './identity.ts';
import { layOut } from './lay-out.ts';
import { buildLinux } from './linux.ts';
import { buildMacos } from './macos.ts';
import { buildWindows } from './windows.ts';

/**
 * Lays out `<workspace>/tree` and builds `<workspace>/built/<name>` of it, unsigned. A package that is only to be
 * signed again goes there as it is, once it is what the description says.
 */
export async function buildPackage(
  ctx: ToolContext,
  source: StagedSource,
  description: PackageDescription,
): Promise<BuiltPackage> {
  const folder = join(ctx.workspace, 'built');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const file = join(folder, packageFileName(description));
  const { format } = description;
  if (source.original !== undefined) {
    await copyFile(source.original, file);
    await checkIdentity(ctx, file, description);
    return { format, file, tree: source.root };
  }
  const layout = await layOut(ctx, source, description);
  switch (description.format) {
    case 'deb':
    case 'rpm':
      await buildLinux(ctx, layout, description, file);
      break;
    case 'msi':
      await buildWindows(ctx, layout, description, file);
      break;
    case 'pkg':
      await buildMacos(ctx, layout, description, file);
  }
  await checkIdentity(ctx, file, description);
  return { format, file, tree: layout.root };
}
