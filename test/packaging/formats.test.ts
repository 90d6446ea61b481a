import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type PackageFormat,
  packageDescriptionSchema,
} from '../../contracts/packaging-pipeline/description.ts';
import {
  type BuiltPackage,
  buildPackage,
  readSigningKeys,
  type SignedPackage,
  type SigningKeys,
  signPackage,
  stageSource,
  type ToolContext,
  verifyPackage,
} from '../../packaging/index.ts';
import { ensureDevelopmentKeys } from '../../packaging/keys/development.ts';
import { arMembers } from '../../packaging/sign/ar.ts';
import { describePackage } from './support/descriptions.ts';
import { exec, PackagingWorld } from './support/world.ts';

const FORMATS: readonly PackageFormat[] = ['deb', 'rpm', 'msi', 'pkg'];

/** What a program that has no part in building says about a package. */
const LISTS: Readonly<Record<PackageFormat, (file: string) => Promise<string>>> = {
  deb: async (file) => (await exec('dpkg-deb', ['--contents', file])).stdout,
  rpm: async (file) => (await exec('rpm', ['-qlvp', '--nosignature', file])).stdout,
  msi: async (file) => (await exec('msiextract', ['-l', file])).stdout,
  pkg: async (file) => {
    const folder = join(world.root, 'foreign');
    await exec('7z', ['x', '-y', `-o${folder}`, file]);
    const payload = join(folder, 'hello-eucora.pkg/Payload');
    await exec('7z', ['x', '-y', `-o${folder}`, '-tgzip', payload]);
    const unzipped = join(folder, 'Payload~');
    return (
      await exec('7z', ['l', '-ba', unzipped]).catch(() => exec('7z', ['l', '-ba', join(folder, 'Payload')]))
    ).stdout;
  },
};
const EXPECTED: Readonly<Record<PackageFormat, readonly string[]>> = {
  deb: ['./usr/bin/hello-eucora', './opt/hello-eucora/lib/odd [name] $HOME %x.js', './etc/hello-eucora.conf'],
  rpm: ['/usr/bin/hello-eucora', '/opt/hello-eucora/lib/odd [name] $HOME %x.js', '/etc/hello-eucora.conf'],
  msi: ['hello-eucora/hello.exe', 'hello-eucora/lib/odd [name] $HOME %x.js', 'hello-eucora/hello.conf'],
  pkg: ['usr/bin/hello-eucora', 'opt/hello-eucora/lib/odd [name] $HOME %x.js', 'etc/hello-eucora.conf'],
};

let world: PackagingWorld;
let keys: SigningKeys;
const made = new Map<PackageFormat, { ctx: ToolContext; built: BuiltPackage; signed: SignedPackage }>();

async function flip(signed: SignedPackage, at: number): Promise<SignedPackage> {
  const bytes = await readFile(signed.file);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 0x01;
  const file = join(world.root, `flipped-${Math.abs(at)}-${signed.file.split('/').at(-1)}`);
  await writeFile(file, bytes);
  return { ...signed, file };
}

const of = (format: PackageFormat) => {
  const found = made.get(format);
  if (found === undefined) throw new Error(`${format} was not made`);
  return found;
};

beforeAll(async () => {
  world = await PackagingWorld.open();
  keys = await world.developmentKeys();
  for (const format of FORMATS) {
    const { ctx, built } = await world.build(format);
    made.set(format, { ctx, built, signed: await signPackage(ctx, built, keys, 'development') });
  }
}, 120_000);
afterAll(() => world.close());

describe.each(FORMATS)('A package as %s', (format) => {
  it('holds what its description names, as a foreign program lists it', async () => {
    const listed = await LISTS[format](of(format).built.file);
    for (const line of EXPECTED[format]) expect(listed).toContain(line);
  });

  it('is signed and then vouched for by other programs, with the key that signed', async () => {
    const { ctx, signed } = of(format);
    const verified = await verifyPackage(ctx, signed, keys);
    expect(verified.thumbprint).toBe(signed.thumbprint);
    expect(verified.thumbprint).toMatch(/^[0-9a-f]{40,64}$/);
    expect(verified.verified_by.length).toBeGreaterThan(0);
  });

  it('is refused unsigned', async () => {
    const { ctx, built } = of(format);
    await expect(verifyPackage(ctx, built, keys)).rejects.toMatchObject({ code: 'verification-failed' });
  });

  it('is refused when its content has one other bit', async () => {
    const { ctx, signed } = of(format);
    const content = await contentOffset(signed);
    const flipped = await flip(signed, content);
    await expect(verifyPackage(ctx, flipped, keys)).rejects.toMatchObject({ code: 'verification-failed' });
  });

  it('is refused when its signature has one other bit', async () => {
    const { ctx, signed } = of(format);
    const flipped = await flip(signed, await signatureOffset(signed));
    await expect(verifyPackage(ctx, flipped, keys)).rejects.toMatchObject({ code: 'verification-failed' });
  });

  it('is refused when somebody else signed it', async () => {
    const { ctx, signed } = of(format);
    const others = await readSigningKeys(
      await ensureDevelopmentKeys(await world.context(), world.path('other')),
    );
    await expect(verifyPackage(ctx, signed, others)).rejects.toMatchObject({ code: 'verification-failed' });
  });

  it('can be signed again as it is, by another key', async () => {
    const { signed } = of(format);
    const others = await readSigningKeys(
      await ensureDevelopmentKeys(await world.context(), world.path('other')),
    );
    const ctx = await world.context();
    const description = describePackage(format, {
      source: { type: 'package', action: 're-sign' },
      files: [],
      text_files: [],
    });
    const staged = await stageSource(ctx, signed.file, description);
    expect(staged.files).toBe(4);
    const again = await signPackage(ctx, await buildPackage(ctx, staged, description), others, 'development');
    expect((await verifyPackage(ctx, again, others)).thumbprint).toBe(again.thumbprint);
    await expect(verifyPackage(ctx, again, keys)).rejects.toMatchObject({ code: 'verification-failed' });
  });
});

it('makes the same bytes of the same input, but for Windows', async () => {
  for (const format of ['deb', 'rpm', 'pkg'] as const) {
    const { built } = await world.build(format);
    expect(await readFile(built.file)).toEqual(await readFile(of(format).built.file));
  }
});

it('refuses to sign again what is another package than described', async () => {
  const ctx = await world.context();
  const description = describePackage('deb', {
    version: '9.9.9',
    source: { type: 'package', action: 're-sign' },
    files: [],
    text_files: [],
  });
  const staged = await stageSource(ctx, of('deb').signed.file, description);
  await expect(buildPackage(ctx, staged, description)).rejects.toMatchObject({
    code: 'source-refused',
    reason: 'wrong-package',
  });
});

describe('A package of somebody else’s', () => {
  /** Built by its platform's own tool, which asks for less than our descriptions. */
  const foreignDeb = async (version: string): Promise<string> => {
    const folder = `foreign-${version.replace(/\W/g, '-')}`;
    await world.put(`${folder}/usr/share/doc/vendor/readme`, 'hello\n', 0o644);
    const control = `Package: vendor\nVersion: ${version}\nArchitecture: all\nMaintainer: V <v@example.org>\nDescription: x\n`;
    await world.put(`${folder}/DEBIAN/control`, control, 0o644);
    await exec('chmod', ['-R', 'go+rX', world.path(folder)]);
    await exec('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', world.path(folder)]);
    return `${world.path(folder)}.deb`;
  };
  const resigned = (changes: object) => ({
    ...{ source: { type: 'package', action: 're-sign' }, files: [], text_files: [] },
    ...changes,
  });

  it.each([
    ['1.2.3', { version: '1.2.3', release: null }, 'vendor_1.2.3_amd64.deb'],
    [
      '2:1.0-beta-0ubuntu1',
      { version: '2:1.0-beta', release: '0ubuntu1' },
      'vendor_1.0-beta-0ubuntu1_amd64.deb',
    ],
  ])('of the version %s is signed as it is', async (version, described, name) => {
    const ctx = await world.context();
    const description = describePackage('deb', resigned({ name: 'vendor', ...described }));
    const staged = await stageSource(ctx, await foreignDeb(version), description);
    const signed = await signPackage(ctx, await buildPackage(ctx, staged, description), keys, 'development');
    expect(signed.file.endsWith(`/${name}`)).toBe(true);
    expect((await verifyPackage(ctx, signed, keys)).thumbprint).toBe(signed.thumbprint);
  });

  it('for Windows is known by what Windows shows', async () => {
    const shown = { product_name: 'Vendor’s Tool 23 (x64)' };
    const { built } = await world.build('msi', shown);
    const ctx = await world.context();
    const sign = async (changes: object) => {
      const description = describePackage('msi', resigned(changes));
      return buildPackage(ctx, await stageSource(ctx, built.file, description), description);
    };
    expect((await sign(shown)).format).toBe('msi');
    for (const other of [{}, { product_name: 'Another Tool' }])
      await expect(sign(other)).rejects.toMatchObject({
        code: 'source-refused',
        reason: 'wrong-package',
        message: expect.stringMatching(/Vendor’s Tool 23 \(x64\), not as .*: set product_name/),
      });
  });

  it('may be named as it is, and what is built may not', () => {
    const issues = (changes: object) => {
      const parsed = packageDescriptionSchema.safeParse({ ...describePackage('rpm'), ...changes });
      return parsed.error?.issues.map(({ path }) => path.join('.')) ?? [];
    };
    const odd = { name: 'NetworkManager_x', version: '2.0^git1-3', release: '0.1.el9_2' };
    expect(issues(resigned(odd))).toEqual([]);
    expect(issues(odd)).toEqual(['name', 'version', 'release']);
    expect(issues({ release: null })).toEqual(['release']);
    const msi = { ...describePackage('msi'), version: '23.1.0.5' };
    const ofMsi = (changes: object) =>
      packageDescriptionSchema.safeParse({ ...msi, ...changes }).error?.issues.map(({ path }) => path[0]) ??
      [];
    expect(ofMsi({})).toEqual(['version']);
    expect(ofMsi(resigned({}))).toEqual([]);
    expect(ofMsi({ version: '1.2.3.4.5' })).toContain('version');
  });

  it.each(['deb', 'rpm', 'msi', 'pkg'] as const)(
    'has an epoch as %s only where that is looked at',
    (format) => {
      const described = { ...describePackage(format), ...resigned({ version: '1:2.0.0' }) };
      const { error, success } = packageDescriptionSchema.safeParse(described);
      expect(success).toBe(format === 'deb');
      if (format === 'rpm' || format === 'pkg')
        expect(error?.issues).toMatchObject([
          { path: ['version'], message: expect.stringMatching(/leave out/) },
        ]);
    },
  );
});

/** Somewhere in the middle of what the package installs. */
async function contentOffset({ format, file }: SignedPackage): Promise<number> {
  const bytes = await readFile(file);
  if (format === 'deb') {
    const handle = await open(file);
    const data = (await arMembers(handle)).find(({ name }) => name.startsWith('data.'));
    await handle.close();
    return (data?.offset ?? 0) + Math.floor((data?.size ?? 0) / 2);
  }
  // The payload of the other signed formats lies at the end, that of an msi in its cabinet.
  return format === 'msi' ? bytes.indexOf('MSCF') + 60 : bytes.length - 20;
}

async function signatureOffset({ format, file }: SignedPackage): Promise<number> {
  const bytes = await readFile(file);
  switch (format) {
    case 'deb':
      return bytes.length - 20;
    case 'rpm':
      // Inside of the signature header, whose packets begin with the algorithm RSA and SHA-256.
      return bytes.indexOf(Buffer.from('8901', 'hex'), 96) + 200;
    case 'msi':
      return bytes.lastIndexOf(Buffer.from('2a864886f70d010101', 'hex')) + 60;
    case 'pkg': {
      const toc = Number(bytes.readBigUInt64BE(8)) + bytes.readUInt16BE(4);
      return toc + 32 + 100;
    }
  }
}
