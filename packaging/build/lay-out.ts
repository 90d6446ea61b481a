import { lstat, mkdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { PackageDescription } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { StagedSource } from '../results.ts';
import { contentOf } from '../source/content-of.ts';
import { copyTree } from '../source/copy-tree.ts';
import { TreeWriter } from '../source/tree-writer.ts';
import { serviceFiles } from './services.ts';

/** How a path of the tree is installed, where that differs from root's, 0755 or 0644. */
export interface Attributes {
  readonly mode: string | undefined;
  readonly owner: string;
  readonly group: string;
  readonly config: boolean;
}

/** What is installed: a folder laid out as the target's root, and what files cannot say themselves. */
export interface Layout {
  readonly root: string;
  /** Attributes by longest leading path, without the first slash. */
  readonly attributesOf: (path: string) => Attributes;
}

const PLAIN: Attributes = { mode: undefined, owner: 'root', group: 'root', config: false };
const inTree = (path: string): string => (path === '.' ? '' : path.replace(/^\//, ''));

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

async function layFile(
  source: StagedSource,
  entry: PackageDescription['files'][number],
  tree: TreeWriter,
): Promise<void> {
  const from = join(source.root, entry.from);
  const to = inTree(entry.to);
  const status = await lstat(from).catch(() => undefined);
  if (status === undefined)
    throw new PackagingError(
      'build-failed',
      `The source holds no ${JSON.stringify(entry.from)}, which files names`,
      {
        reason: 'missing-file',
      },
    );
  if (status.isDirectory()) {
    if (to !== '') await tree.folder(to);
    return copyTree(from, tree, to);
  }
  if (!status.isFile() || to === '')
    throw new PackagingError(
      'build-failed',
      `${JSON.stringify(entry.from)} is no regular file that could be installed as ${entry.to}`,
      { reason: 'wrong-file' },
    );
  const mode = entry.mode === undefined ? status.mode : Number.parseInt(entry.mode, 8);
  await tree.file(to, mode, contentOf(from));
}

/** Lays out `<workspace>/tree` as the description says. @throws PackagingError for what is missing or named twice */
export async function layOut(
  ctx: ToolContext,
  source: StagedSource,
  description: PackageDescription,
): Promise<Layout> {
  const root = join(ctx.workspace, 'tree');
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { mode: 0o755 });
  const tree = new TreeWriter(root, ctx.signal, {
    limits: ctx.limits,
    // Nothing is unpacked here.
    packedBytes: Number.POSITIVE_INFINITY,
    ignoresCase: description.format === 'msi' || description.format === 'pkg',
  });
  const attributes = new Map<string, Attributes>();
  for (const entry of description.files) {
    await layFile(source, entry, tree);
    attributes.set(inTree(entry.to), { ...entry, mode: entry.mode });
  }
  for (const entry of [...description.text_files, ...serviceFiles(description)]) {
    const path = inTree(entry.to);
    await tree.file(path, Number.parseInt(entry.mode, 8), once(entry.content));
    attributes.set(path, { ...PLAIN, mode: entry.mode, config: entry.config });
  }
  if ('symlinks' in description) {
    for (const { path, target } of description.symlinks) {
      const written = target.startsWith('/') ? posix.relative(posix.dirname(path), target) : target;
      await tree.link(inTree(path), written);
    }
  }
  ctx.log(`layout: ${tree.guard.files} files, ${tree.guard.bytes} bytes`);
  return {
    root,
    attributesOf(path) {
      for (let at = path; ; at = posix.dirname(at)) {
        const found = attributes.get(at === '.' ? '' : at);
        if (found !== undefined) return found;
        if (at === '.') return PLAIN;
      }
    },
  };
}
