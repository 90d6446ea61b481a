import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { refused } from '../errors.ts';
import { unpackCpio } from '../flat-package/cpio-reader.ts';
import { XarArchive } from '../flat-package/xar-reader.ts';
import { runTool } from '../tools/run-tool.ts';
import { copyTree } from './copy-tree.ts';
import { unpackTar } from './tar.ts';
import { unreadable } from './tree-guard.ts';
import type { TreeWriter } from './tree-writer.ts';

/** Takes the files out of existing packages, of each kind by its own platform's tools, always through the guard. */

async function throughTar(
  ctx: ToolContext,
  tree: TreeWriter,
  make: (outputFile: string) => Promise<unknown>,
): Promise<void> {
  const archive = join(ctx.workspace, 'content.tar');
  await rm(archive, { force: true });
  await make(archive);
  await unpackTar(archive, tree, false);
  await rm(archive);
}

async function unpackMsi(ctx: ToolContext, file: string, tree: TreeWriter): Promise<void> {
  const scratch = join(ctx.workspace, 'msi-content');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { mode: 0o700 });
  const { stdout } = await runTool(ctx, 'msiextract', ['-l', file], {
    failure: 'source-refused',
    quiet: true,
  });
  for (const path of stdout.split('\n')) {
    if (path.startsWith('/') || path.split(/[\\/]/).includes('..'))
      throw refused('path-traversal', `The package would write ${JSON.stringify(path)}`);
  }
  await runTool(ctx, 'msiextract', ['-C', scratch, file], { failure: 'source-refused', quiet: true });
  await copyTree(scratch, tree, '');
  await rm(scratch, { recursive: true });
}

async function unpackPkg(file: string, tree: TreeWriter): Promise<void> {
  const archive = await XarArchive.open(file);
  await archive.check();
  const payloads = archive.files.filter(({ path }) => path === 'Payload' || path.endsWith('/Payload'));
  if (payloads.length === 0) throw refused('unsupported', 'The macOS package has no payload that is known');
  for (const payload of payloads) {
    // Components may lay down the same paths, each below a place of its own.
    const prefix = payloads.length === 1 ? '' : payload.path.slice(0, -'Payload'.length);
    const packed = archive.content(payload);
    const unzipped = packed.pipe(createGunzip());
    packed.on('error', (error) => unzipped.destroy(error));
    await unpackCpio(unzipped, tree, prefix).catch((error: unknown) => {
      throw unreadable('payload of a macOS package (cpio, gzip)', error);
    });
    packed.destroy();
  }
}

/** Unpacks a package's files as they would lie on its target machine. @throws PackagingError */
export async function unpackPackage(
  ctx: ToolContext,
  format: PackageFormat,
  file: string,
  tree: TreeWriter,
): Promise<void> {
  const options = { failure: 'source-refused', quiet: true } as const;
  switch (format) {
    case 'deb':
      return throughTar(ctx, tree, (outputFile) =>
        runTool(ctx, 'dpkg-deb', ['--fsys-tarfile', file], { ...options, outputFile }),
      );
    case 'rpm':
      return throughTar(ctx, tree, (outputFile) =>
        runTool(ctx, 'rpm2archive', ['-n', '-'], { ...options, inputFile: file, outputFile }),
      );
    case 'msi':
      return unpackMsi(ctx, file, tree);
    case 'pkg':
      return unpackPkg(file, tree);
  }
}
