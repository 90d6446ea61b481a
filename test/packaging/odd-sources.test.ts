import { lstat, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import { layOut } from '../../packaging/build/lay-out.ts';
import { type StagedSource, stageSource } from '../../packaging/index.ts';
import { unreadable } from '../../packaging/source/tree-guard.ts';
import { craftTar, craftTarGz, craftZip, type Entry } from './support/archives.ts';
import { describePackage } from './support/descriptions.ts';
import { type ContextChanges, exec, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
let count = 0;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const PLAIN = { source: { type: 'archive' } };
const PACKAGE = { source: { type: 'package', action: 'repack' } };
const RE_SIGNED = { source: { type: 'package', action: 're-sign' }, files: [], text_files: [] };

async function stage(
  archive: Buffer,
  changes: object = PLAIN,
  format: PackageFormat = 'deb',
  context: ContextChanges = {},
): Promise<StagedSource> {
  count += 1;
  const file = await world.put(`archive-${count}`, archive);
  return stageSource(await world.context(context), file, describePackage(format, changes));
}

const file = (path: string, content = 'x'): Entry => ({ path, content });
const link = (path: string, linkpath: string): Entry => ({ path, type: 'SymbolicLink', linkpath });

/** The archive with other bytes at each place of these. */
function patched(archive: Buffer, marks: readonly string[], offset: number, bytes: string): Buffer {
  const changed = Buffer.from(archive);
  for (const mark of marks) Buffer.from(bytes, 'hex').copy(changed, archive.indexOf(mark, 0, 'hex') + offset);
  return changed;
}
const LOCAL = '504b0304';
const CENTRAL = '504b0102';
const encrypted = (archive: Buffer): Buffer =>
  patched(patched(archive, [LOCAL], 6, '0108'), [CENTRAL], 8, '0108');
/** As a program of DOS would have made it, which knows no modes. */
const ofDos = (archive: Buffer): Buffer => patched(archive, [CENTRAL], 5, '00');

const LONG = 'n'.repeat(300);
const DEEP = Array.from({ length: 30 }, () => 'd'.repeat(60)).join('/');

describe('A source is refused', () => {
  it.each<[string, string, Buffer]>([
    ['with a name that is too long', 'bad-name', craftZip([file(LONG)])],
    ['with a path that is too long', 'bad-name', craftZip([file(DEEP)])],
    ['with a name that is no UTF-8', 'bad-name', craftTar([file('a\ufffdb')])],
    ['with a link to a name that no system has', 'bad-link', craftTar([link('a', 'b\\c')])],
    ['as zip, with a link to nothing', 'bad-link', craftZip([{ ...link('a', ''), content: '' }])],
    [
      'as zip, with a link of too many bytes',
      'bad-link',
      craftZip([{ ...link('a', ''), content: 'x'.repeat(5_000) }]),
    ],
    ['as zip, with encrypted content', 'encrypted', encrypted(craftZip([file('a')]))],
    [
      'with what only other archives can use',
      'special-file',
      craftTar([{ path: 'a', type: 'TapeVolumeHeader' }]),
    ],
  ])('%s', async (_, reason, archive) => {
    await expect(stage(archive)).rejects.toMatchObject({ code: 'source-refused', reason });
  });

  it('for its first fault, whatever follows', async () => {
    const archive = craftTarGz([file('../evil'), file('b'), link('c', '/etc'), file('d', 'x'.repeat(9_000))]);
    await expect(stage(archive)).rejects.toMatchObject({ reason: 'path-traversal' });
  });

  it('as a package when it is none', async () => {
    await expect(stage(craftTar([file('a')]), PACKAGE)).rejects.toMatchObject({
      reason: 'wrong-kind',
      message: 'The source is described as a package, but it is: tar',
    });
  });

  it('to be signed again when it is a package of another kind', async () => {
    const { built } = await world.build('deb');
    await expect(stage(await readFile(built.file), RE_SIGNED, 'rpm')).rejects.toMatchObject({
      reason: 'wrong-kind',
      message: expect.stringMatching(/^A deb cannot be signed again as rpm/),
    });
  });

  it('as an msi that would write outside of its folder', async () => {
    const msi = world.path('hostile.msi');
    await world.put('hostile.txt', 'evil');
    const component =
      '<Component Id="C" Guid="21111111-1111-1111-1111-111111111111"><File Id="F" Name="evil" Source="hostile.txt"/></Component>';
    const folders = `<Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFiles64Folder"><Directory Id="D" Name="..">${component}</Directory></Directory></Directory>`;
    const source = `<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi"><Product Id="11111111-1111-1111-1111-111111111111" Name="n"
      UpgradeCode="31111111-1111-1111-1111-111111111111" Version="1.0" Language="1033" Manufacturer="m"><Package InstallerVersion="500" Compressed="yes"/>
      <Media Id="1" Cabinet="c.cab" EmbedCab="yes"/>${folders}<Feature Id="Main" Level="1"><ComponentRef Id="C"/></Feature></Product></Wix>`;
    await exec('wixl', ['--output', msi, await world.put('hostile.wxs', source)], { cwd: world.root });
    await expect(stage(await readFile(msi), PACKAGE, 'msi')).rejects.toMatchObject({
      reason: 'path-traversal',
      message: expect.stringMatching(/would write ".*\.\.\/evil"/),
    });
  });

  it('by the reason of whoever stops it, not as a damaged one', async () => {
    const reason = new Error('cancelled');
    const stopped = stage(craftTar([file('a')]), PLAIN, 'deb', { signal: AbortSignal.abort(reason) });
    await expect(stopped).rejects.toBe(reason);
  });
});

describe('A source is taken', () => {
  it('without what stripping leaves nothing of, which counts nevertheless', async () => {
    const stripped = { source: { type: 'archive', strip_components: 1 } };
    const entries = [
      file('top', 'x'.repeat(600)),
      link('to-top', 'top'),
      { path: 'same', type: 'Link', linkpath: 'top' } as const,
      { path: 'd', type: 'Directory' } as const,
      file('d/a', 'kept'),
      { path: 'd/b', type: 'Link', linkpath: 'd/a' } as const,
    ];
    const { root, files, bytes } = await stage(craftTar(entries), stripped);
    expect(files).toBe(2);
    expect(bytes).toBe(600 + 4 + 4);
    expect(await readFile(join(root, 'b'), 'utf8')).toBe('kept');
    const limits = { stagedBytes: 500 };
    await expect(stage(craftTar(entries), stripped, 'deb', { limits })).rejects.toMatchObject({
      reason: 'too-large',
    });
  });

  it('as zip with folders of its own, and of a system without modes', async () => {
    const { root } = await stage(ofDos(craftZip([{ path: 'd/', mode: 0o040_755 }, file('d/a')])));
    expect((await lstat(join(root, 'd/a'))).mode & 0o777).toBe(0o644);
    const unix = await stage(
      craftZip([
        { path: 'd', mode: 0o040_755 },
        { ...file('d/a'), mode: 0o100_755 },
      ]),
    );
    expect((await lstat(join(unix.root, 'd/a'))).mode & 0o777).toBe(0o755);
  });

  it('as tar whose entries tell no modes', async () => {
    const archive = craftTar([file('a')]);
    archive.fill(0, 100, 108);
    // The header's own sum, anew.
    archive.fill(' ', 148, 156);
    const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const { root } = await stage(archive);
    expect((await lstat(join(root, 'a'))).mode & 0o777).toBe(0o644);
  });

  it('as a package whose links count from the root of its machine', async () => {
    const folder = world.path('rooted');
    await mkdir(join(folder, 'DEBIAN'), { recursive: true });
    await mkdir(join(folder, 'usr/bin'), { recursive: true });
    await writeFile(join(folder, 'usr/bin/tool'), 'tool');
    await symlink('/usr/bin/tool', join(folder, 'usr/bin/alias'));
    await symlink('/', join(folder, 'top'));
    const control =
      'Package: rooted\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n';
    await writeFile(join(folder, 'DEBIAN/control'), control);
    const deb = world.path('rooted.deb');
    await exec('dpkg-deb', ['--root-owner-group', '-Zgzip', '-b', folder, deb]);
    const { root } = await stage(await readFile(deb), PACKAGE);
    expect(await readlink(join(root, 'usr/bin/alias'))).toBe('tool');
    expect(await readlink(join(root, 'top'))).toBe('.');
    expect(await readFile(join(root, 'usr/bin/alias'), 'utf8')).toBe('tool');
  });
});

describe('A tree is not laid out', () => {
  async function laidOut(files: readonly object[], changes: object = {}) {
    const ctx = await world.context();
    const root = join(ctx.workspace, 'source');
    await mkdir(join(root, 'lib/deep'), { recursive: true });
    await writeFile(join(root, 'lib/file'), 'x');
    await exec('mkfifo', [join(root, 'lib/deep/pipe')]);
    const staged = { root, kind: 'archive' as const, original: undefined, files: 1, bytes: 1 };
    const layout = await layOut(ctx, staged, describePackage('deb', { files, text_files: [], ...changes }));
    return layout.root;
  }

  it('with what is neither file, folder nor link', async () => {
    await expect(laidOut([{ from: 'lib', to: '/opt/lib' }])).rejects.toMatchObject({
      code: 'source-refused',
      reason: 'special-file',
      message: '"opt/lib/deep/pipe" is neither file, folder nor link',
    });
    await expect(laidOut([{ from: 'lib/deep/pipe', to: '/opt/pipe' }])).rejects.toMatchObject({
      code: 'build-failed',
      reason: 'wrong-file',
    });
  });

  it('with a file in the place of its root', async () => {
    await expect(laidOut([{ from: 'lib/file', to: '/' }])).rejects.toMatchObject({ reason: 'wrong-file' });
  });

  it('but is with links that are relative already', async () => {
    const symlinks = [{ path: '/opt/link', target: 'file' }];
    const root = await laidOut([{ from: 'lib/file', to: '/opt/file' }], { symlinks });
    expect(await readFile(join(root, 'opt/link'), 'utf8')).toBe('x');
  });
});

it.each([
  ['ENOSPC', 'out-of-space', true],
  ['EDQUOT', 'out-of-space', true],
  ['EIO', 'worker-busy', true],
  ['EMFILE', 'worker-busy', true],
  ['ENFILE', 'worker-busy', true],
  ['ENOMEM', 'worker-busy', true],
  ['EAGAIN', 'worker-busy', true],
  ['Z_DATA_ERROR', 'source-refused', false],
  [undefined, 'source-refused', false],
])('An archive whose reading ends with %s is %s', (code, expected, retryable) => {
  const error = Object.assign(new Error('write failed'), { code });
  expect(unreadable('tar archive', error)).toMatchObject({ code: expected, retryable, cause: error });
});

it('A deb without homepage and license is built as it is described', async () => {
  const { built } = await world.build('deb', { homepage: undefined, license: undefined });
  const { stdout } = await exec('dpkg-deb', ['--field', built.file, 'Package', 'Homepage']);
  expect(stdout).toBe('Package: hello-eucora\n');
});
