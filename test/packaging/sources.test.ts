import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import { buildPackage, type StagedSource, stageSource } from '../../packaging/index.ts';
import { TreeGuard } from '../../packaging/source/tree-guard.ts';
import { fc } from '../harness/properties.ts';
import { craftTar, craftTarGz, craftZip, type Entry } from './support/archives.ts';
import { describePackage } from './support/descriptions.ts';
import { type ContextChanges, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const PLAIN = { source: { type: 'archive' } };

async function stage(
  archive: Buffer,
  format: PackageFormat = 'deb',
  changes: object = PLAIN,
  context: ContextChanges = {},
): Promise<StagedSource> {
  const file = await world.put('archive', archive);
  return stageSource(await world.context(context), file, describePackage(format, changes));
}

const file = (path: string, content = 'x'): Entry => ({ path, content });
const link = (path: string, linkpath: string): Entry => ({ path, type: 'SymbolicLink', linkpath });
const ZEROS = Buffer.alloc(8 * 2 ** 20);

describe('A hostile source is refused', () => {
  it.each<[string, string, Buffer]>([
    ['with a path that leads out', 'path-traversal', craftTarGz([file('a/../../evil')])],
    ['with an absolute path', 'absolute-path', craftTarGz([file('/etc/evil')])],
    ['with a Windows drive', 'absolute-path', craftTarGz([file('C:/evil')])],
    ['with backslashes', 'bad-name', craftTarGz([file('..\\evil')])],
    ['with control characters', 'bad-name', craftTarGz([file('a\u0007b')])],
    ['with a link that leads out', 'link-outside', craftTarGz([link('a', '../../etc/passwd')])],
    ['with a link to an absolute path', 'link-outside', craftTarGz([link('a', '/etc/passwd')])],
    ['that writes through its own link', 'through-link', craftTarGz([link('a', 'b'), file('a/evil')])],
    ['that replaces its own link', 'duplicate-name', craftTarGz([link('a', 'b'), file('a')])],
    ['with a hard link out', 'hard-link', craftTarGz([{ path: 'a', type: 'Link', linkpath: '/etc/passwd' }])],
    [
      'with a hard link to a link',
      'hard-link',
      craftTarGz([link('a', 'b'), { path: 'c', type: 'Link', linkpath: 'a' }]),
    ],
    ['with a device', 'special-file', craftTarGz([{ path: 'a', type: 'CharacterDevice' }])],
    ['with a pipe', 'special-file', craftTarGz([{ path: 'a', type: 'FIFO' }])],
    ['with a name twice', 'duplicate-name', craftTarGz([file('a'), file('a')])],
    ['with a file that is also a folder', 'duplicate-name', craftTarGz([file('a'), file('a/b')])],
    ['that is a bomb', 'compression-bomb', craftTarGz([{ path: 'a', content: ZEROS }])],
    ['that is cut short', 'unreadable', craftTarGz([file('a', 'x'.repeat(9_000))]).subarray(0, 60)],
    ['that is no archive', 'wrong-kind', Buffer.from('hello')],
    ['that holds no file', 'empty', craftTarGz([{ path: 'a', type: 'Directory' }])],
    ['as zip, with a path that leads out', 'path-traversal', craftZip([file('../evil')])],
    ['as zip, with an absolute path', 'absolute-path', craftZip([file('/evil')])],
    ['as zip, with backslashes', 'bad-name', craftZip([file('a\\b')])],
    [
      'as zip, with a link that leads out',
      'link-outside',
      craftZip([{ ...link('a', ''), content: '../../x' }]),
    ],
    ['as zip, with a name twice', 'duplicate-name', craftZip([file('a'), file('a')])],
    ['as zip, that is a bomb', 'compression-bomb', craftZip([{ path: 'a', content: ZEROS }])],
    ['as zip, that lies about sizes', 'false-size', craftZip([{ ...file('a', 'x'.repeat(99)), claimed: 7 }])],
    ['as zip, with a device', 'special-file', craftZip([{ ...file('a'), mode: 0o020_644 }])],
  ])('%s', async (_, reason, archive) => {
    await expect(stage(archive)).rejects.toMatchObject({ code: 'source-refused', reason });
  });

  it('when it unpacks to more than allowed, whatever its ratio', async () => {
    const limits = { stagedBytes: 1_000 };
    const archive = craftTar([file('a', 'x'.repeat(1_001))]);
    await expect(stage(archive, 'deb', PLAIN, { limits })).rejects.toMatchObject({ reason: 'too-large' });
  });

  it('when it holds more entries than allowed', async () => {
    const archive = craftTar([file('a'), file('b'), file('c')]);
    await expect(stage(archive, 'deb', PLAIN, { limits: { stagedFiles: 2 } })).rejects.toMatchObject({
      reason: 'too-many-entries',
    });
  });

  it.each<PackageFormat>(['msi', 'pkg'])('when %s would take two of its names for one', async (format) => {
    const archive = craftTarGz([file('Read'), file('read')]);
    await expect(stage(archive, format)).rejects.toMatchObject({ reason: 'case-collision' });
    expect((await stage(archive, 'deb')).files).toBe(2);
  });

  it('and leaves nothing outside of its folder', async () => {
    await expect(stage(craftTarGz([file('ok'), file('../evil')]))).rejects.toMatchObject({
      reason: 'path-traversal',
    });
    expect((await readdir(world.root)).includes('evil')).toBe(false);
  });
});

describe('An honest source is taken', () => {
  it.each([
    ['tar', craftTar([file('d/bin/x', 'one'), link('d/y', 'bin/x')])],
    ['tar.gz', craftTarGz([file('d/bin/x', 'one'), link('d/y', 'bin/x')])],
    ['zip', craftZip([file('d/bin/x', 'one'), { ...link('d/y', ''), content: 'bin/x' }])],
  ])('as %s, its leading folder taken away', async (_, archive) => {
    const { root, files } = await stage(archive, 'deb', { source: { type: 'archive', strip_components: 1 } });
    expect(files).toBe(1);
    expect(await readFile(join(root, 'bin/x'), 'utf8')).toBe('one');
    expect(await readlink(join(root, 'y'))).toBe('bin/x');
  });

  it('with hard links to its own files, as copies', async () => {
    const { root } = await stage(craftTar([file('a', 'one'), { path: 'b', type: 'Link', linkpath: 'a' }]));
    expect(await readFile(join(root, 'b'), 'utf8')).toBe('one');
  });

  it('as one program, which can be run', async () => {
    const { root } = await stage(Buffer.from('#!/bin/sh\n'), 'deb', {
      source: { type: 'binary', name: 'tool' },
    });
    expect((await lstat(join(root, 'tool'))).mode & 0o777).toBe(0o755);
  });

  it('as a package of another platform, to be packed anew', async () => {
    const { built } = await world.build('pkg');
    const ctx = await world.context();
    const description = describePackage('deb', {
      source: { type: 'package', action: 'repack' },
      files: [{ from: '', to: '/' }],
      text_files: [],
      symlinks: [],
    });
    const staged = await stageSource(ctx, built.file, description);
    expect(await readFile(join(staged.root, 'usr/bin/hello-eucora'), 'utf8')).toContain('echo hello');
    const again = await buildPackage(ctx, staged, description);
    expect(await readFile(join(again.tree, 'etc/hello-eucora.conf'), 'utf8')).toContain('greeting');
  });
});

it('A description that names a file which the source lacks is refused', async () => {
  await expect(
    world.build('deb', { files: [{ from: 'bin/other', to: '/usr/bin/other' }] }),
  ).rejects.toMatchObject({ code: 'build-failed', reason: 'missing-file' });
});

it('Two entries that would install one path are refused', async () => {
  const twice = { from: 'bin/hello', to: '/usr/bin/hello' };
  await expect(world.build('rpm', { files: [twice, twice] })).rejects.toMatchObject({
    reason: 'duplicate-name',
  });
});

it('No path that the guard admits leads out, whatever it is made of', () => {
  const limits = { stagedBytes: 1e9, stagedFiles: 1e9, compressionRatio: 200 };
  const part = fc.constantFrom('..', '.', '', 'a', 'B', '...', '/', 'C:', '\\', '~', ' ');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, ignoresCase) => {
      const guard = new TreeGuard({ limits, packedBytes: 1, ignoresCase });
      let path: string | undefined;
      try {
        path = guard.admit(parts.join('/'), 'file');
      } catch {
        return;
      }
      if (path === undefined) return;
      const reached = join('/root', path);
      expect(reached.startsWith('/root/')).toBe(true);
      expect(path.split('/').some((name) => name === '..' || name === '')).toBe(false);
    }),
  );
});

it('A gzip that is no tar is refused', async () => {
  await expect(stage(gzipSync('no tar at all'))).rejects.toMatchObject({ code: 'source-refused' });
});
