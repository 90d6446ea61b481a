import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageDescription, PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { refused } from '../errors.ts';
import type { StagedSource } from '../results.ts';
import { contentOf } from './content-of.ts';
import { kindOf, type SourceKind } from './kind.ts';
import { unpackPackage } from './package-content.ts';
import { unpackTar } from './tar.ts';
import { TreeWriter } from './tree-writer.ts';
import { unpackZip } from './zip.ts';

const PACKAGES: ReadonlySet<SourceKind> = new Set(['deb', 'rpm', 'msi', 'pkg'] as const);
const isPackage = (kind: SourceKind): kind is PackageFormat => PACKAGES.has(kind);

async function unpackArchive(kind: SourceKind, file: string, tree: TreeWriter): Promise<void> {
  if (kind === 'zip') return unpackZip(file, tree);
  if (kind === 'tar' || kind === 'tar.gz') return unpackTar(file, tree, kind === 'tar.gz');
  throw refused(
    'wrong-kind',
    `The source is described as an archive (tar, tar.gz or zip), but it is: ${kind}`,
  );
}

/** @returns the package itself, where it is to be signed again as it is */
async function unpack(
  ctx: ToolContext,
  file: string,
  { source, format }: PackageDescription,
  tree: TreeWriter,
): Promise<string | undefined> {
  if (source.type === 'binary') {
    await tree.file(source.name, 0o755, contentOf(file));
    await chmod(join(tree.root, source.name), 0o755);
    return undefined;
  }
  const kind = await kindOf(file);
  if (source.type === 'archive') {
    await unpackArchive(kind, file, tree);
    return undefined;
  }
  if (!isPackage(kind))
    throw refused('wrong-kind', `The source is described as a package, but it is: ${kind}`);
  const resigned = source.action === 're-sign';
  if (resigned && kind !== format)
    throw refused(
      'wrong-kind',
      `A ${kind} cannot be signed again as ${format}: that would be another package`,
    );
  await unpackPackage(ctx, kind, file, tree);
  return resigned ? file : undefined;
}

/**
 * Unpacks the source into `<workspace>/source`, refusing whatever is hostile in it: paths and links that lead out,
 * devices, bombs, names that are there twice or that the target takes for one.
 */
export async function stageSource(
  ctx: ToolContext,
  sourceFile: string,
  description: PackageDescription,
): Promise<StagedSource> {
  const { source, format } = description;
  const root = join(ctx.workspace, 'source');
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { mode: 0o755 });
  const { size } = await stat(sourceFile);
  const tree = new TreeWriter(root, ctx.signal, {
    limits: ctx.limits,
    packedBytes: size,
    ignoresCase: format === 'msi' || format === 'pkg',
    stripComponents: source.type === 'archive' ? source.strip_components : 0,
    rootedLinks: source.type === 'package',
  });
  ctx.progress('unpacking the source');
  const original = await unpack(ctx, sourceFile, description, tree).catch((error: unknown) => {
    // What is broken off looks like an archive that is damaged.
    ctx.signal.throwIfAborted();
    throw error;
  });
  const { files, bytes } = tree.guard;
  if (files === 0) throw refused('empty', 'The source holds no files');
  ctx.log(`source: ${files} files, ${bytes} bytes`);
  return { root, kind: source.type, original, files, bytes };
}
