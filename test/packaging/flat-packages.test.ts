import { createHash } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import { checkIdentity } from '../../packaging/build/identity.ts';
import type { LaidOut } from '../../packaging/build/walk.ts';
import { writeBom } from '../../packaging/flat-package/bom-writer.ts';
import { writeCpio } from '../../packaging/flat-package/cpio-writer.ts';
import { XarArchive } from '../../packaging/flat-package/xar-reader.ts';
import { storedFile, writeXar, type XarMember } from '../../packaging/flat-package/xar-writer.ts';
import {
  readSigningKeys,
  type SigningKeys,
  stageSource,
  type ToolContext,
  verifyPackage,
} from '../../packaging/index.ts';
import { type X509Signer, x509Signer } from '../../packaging/keys/x509-signer.ts';
import { signCms } from '../../packaging/sign/cms.ts';
import { signPkg } from '../../packaging/sign/pkg.ts';
import { readBom } from './support/bom.ts';
import { describePackage } from './support/descriptions.ts';
import { exec, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
let ctx: ToolContext;
let count = 0;

beforeAll(async () => {
  world = await PackagingWorld.open();
  ctx = await world.context();
});
afterAll(() => world.close());

/** A file in an archive whose content is packed, and which claims to have another size than it does. */
function packed(path: string, content: string | Buffer, claimed = content.length): XarMember {
  const bytes = deflateSync(content);
  const checksum = { style: 'sha256', hex: createHash('sha256').update(bytes).digest('hex') };
  return {
    path,
    length: bytes.length,
    size: claimed,
    encoding: 'application/x-gzip',
    archived: checksum,
    extracted: checksum,
    read: () => Readable.from([bytes]),
  };
}

async function pkgOf(...members: readonly XarMember[]): Promise<string> {
  count += 1;
  const file = world.path(`made-${count}.pkg`);
  await writeXar(file, members);
  return file;
}

const info = (attributes: string): string => `<pkg-info ${attributes}/>`;
const identity = async (...members: readonly XarMember[]): Promise<void> =>
  checkIdentity(ctx, await pkgOf(...members), describePackage('pkg'));

describe('Who a macOS package says it is', () => {
  it('is read from where its component tells, however it is packed', async () => {
    const own = info('identifier="org.example.hello-eucora" version="1.2.3"');
    await expect(identity(packed('hello.pkg/PackageInfo', own))).resolves.toBeUndefined();
    await expect(identity(packed('PackageInfo', own))).resolves.toBeUndefined();
  });

  it.each<[string, XarMember, string, RegExp]>([
    ['does not tell', packed('Distribution', 'x'), 'wrong-package', /says that it is {2}, the description/],
    [
      'tells no name',
      packed('PackageInfo', info('version="1.2.3"')),
      'wrong-package',
      /says that it is {2}1\.2\.3, the description/,
    ],
    [
      'tells no version',
      packed('PackageInfo', info('identifier="org.example.hello-eucora"')),
      'wrong-package',
      /hello-eucora , the description/,
    ],
    ['tells by no XML', packed('PackageInfo', 'hello'), 'unreadable', /PackageInfo is not understood/],
    ['breaks off', packed('PackageInfo', '<pkg-info><!-- '), 'unreadable', /PackageInfo is not understood/],
    [
      'tells a name that is more than a text',
      packed('PackageInfo', '<pkg-info><identifier><a/></identifier></pkg-info>'),
      'unreadable',
      /PackageInfo is not understood/,
    ],
    [
      'unpacks to more than it claims',
      packed('PackageInfo', Buffer.alloc(3 * 2 ** 20, ' '), 100),
      'unreadable',
      /PackageInfo is not understood/,
    ],
    [
      'is packed as it does not say',
      { ...packed('PackageInfo', 'x'), read: () => Readable.from([Buffer.alloc(deflateSync('x').length)]) },
      'unreadable',
      /PackageInfo is not understood/,
    ],
  ])('makes it refused when it %s', async (_, member, reason, message) => {
    await expect(identity(member)).rejects.toMatchObject({
      code: 'source-refused',
      reason,
      message: expect.stringMatching(message),
    });
  });
});

describe('A macOS package as a source', () => {
  const repacked = describePackage('pkg', { source: { type: 'package', action: 'repack' } });
  const staged = async (...members: readonly XarMember[]) =>
    stageSource(await world.context(), await pkgOf(...members), repacked);
  const payload = async (path: string, name: string): Promise<XarMember> => {
    const parts: Buffer[] = [];
    const link: LaidOut = { path: name, kind: 'link', target: 'a' };
    for await (const part of writeCpio('/', [link], () => 0o755)) parts.push(part);
    const file = await world.put(`payload-${name}`, gzipSync(Buffer.concat(parts)));
    return storedFile(path, file);
  };

  it.each<[string, XarMember, string]>([
    ['no payload', packed('hello.pkg/PackageInfo', 'x'), 'unsupported'],
    ['a payload that is not packed', packed('hello.pkg/Payload', 'no gzip'), 'unreadable'],
  ])('is refused with %s', async (_, member, reason) => {
    await expect(staged(member)).rejects.toMatchObject({ code: 'source-refused', reason });
  });

  it('lays each of several components below a place of its own', async () => {
    const ctxOfTwo = await world.context();
    const file = await pkgOf(
      await payload('one.pkg/Payload', 'first'),
      await payload('two.pkg/Payload', 'second'),
      packed('Distribution', 'x'),
    );
    // Links alone are no source; what matters is where they lie.
    await expect(stageSource(ctxOfTwo, file, repacked)).rejects.toMatchObject({ reason: 'empty' });
    const { stdout } = await exec('find', [`${ctxOfTwo.workspace}/source`, '-type', 'l', '-printf', '%P\n']);
    expect(stdout.trim().split('\n').sort()).toEqual(['one.pkg/first', 'two.pkg/second']);
  });
});

describe('A bill of materials', () => {
  const modeOf = ({ kind }: LaidOut): number => (kind === 'file' ? 0o644 : 0o755);

  it('lists more paths than fit one page, each below its parent, in one chain of pages', async () => {
    const many = Array.from({ length: 1_200 }, (_, index): LaidOut => {
      return { path: `opt/link-${String(index).padStart(4, '0')}`, kind: 'link', target: 'a' };
    });
    const entries: LaidOut[] = [
      { path: 'empty', kind: 'folder' },
      { path: 'opt', kind: 'folder' },
      ...many,
      { path: 'opt/sub', kind: 'folder' },
      { path: 'opt/sub/deep', kind: 'link', target: '../a' },
    ];
    const read = readBom(await writeBom('/', entries, modeOf));
    expect(read.claimed).toBe(entries.length + 1);
    expect(read.pages).toBe(3);
    expect(read.paths).toEqual(['.', ...['empty', 'opt'].map((name) => `./${name}`), ...below(entries)]);
    // From both ends: what a page says of its neighbours fits.
    expect(read.backwards).toEqual([...read.paths].reverse());
  });

  function below(entries: readonly LaidOut[]): string[] {
    const deeper = entries.filter(({ path }) => path.includes('/')).map(({ path }) => `./${path}`);
    const depth = (path: string): number => path.split('/').length;
    return deeper.sort((a, b) => depth(a) - depth(b));
  }
});

it('A file that is larger than a macOS package can carry is refused before it is read', async () => {
  const huge: LaidOut = { path: 'huge', kind: 'file', size: 2 ** 33, executable: false };
  const chunks = writeCpio('/nonexistent', [huge], () => 0o644);
  const all = async (): Promise<void> => {
    for await (const _ of chunks);
  };
  await expect(all()).rejects.toMatchObject({
    code: 'build-failed',
    message: expect.stringMatching(/huge is larger than the 8 GiB/),
  });
});

it('A file that changes while it is packed makes the package fail', async () => {
  const file = await world.put('changing', 'twelve bytes');
  const member = await storedFile('changing', file);
  await truncate(file, 6);
  await expect(pkgOf(member)).rejects.toThrow('changing changed while the package was written');
});

describe('A table of contents of somebody else’s', () => {
  /** An archive of nothing but its table, with these elements in it. */
  const withTable = async (elements: string): Promise<XarArchive> => {
    const checksum = '<checksum style="sha256"><offset>0</offset><size>32</size></checksum>';
    const xml = `<xar><toc>${checksum}${elements}</toc></xar>`;
    const table = deflateSync(xml);
    const header = Buffer.alloc(28);
    header.write('xar!', 'latin1');
    header.writeUInt16BE(28, 4);
    header.writeBigUInt64BE(BigInt(table.length), 8);
    header.writeBigUInt64BE(BigInt(xml.length), 16);
    const hash = createHash('sha256').update(table).digest();
    return XarArchive.open(await world.put('table.pkg', Buffer.concat([header, table, hash])));
  };
  const named = (name: string): string =>
    `<file id="1">${name}<type>file</type><data><length>1</length><offset>32</offset><size>1</size>
     <encoding style="application/octet-stream"/><archived-checksum style="sha256">0</archived-checksum>
     <extracted-checksum style="sha256">0</extracted-checksum></data></file>`;
  const pathsOf = async (name: string): Promise<string[]> =>
    (await withTable(named(name))).files.map(({ path }) => path);

  it('may write names in Base64: else a payload could be installed that nobody has looked at', async () => {
    expect(await pathsOf('<name enctype="base64">UGF5bG9hZA==</name>')).toEqual(['Payload']);
    expect(await pathsOf('<name>UGF5bG9hZA==</name>')).toEqual(['UGF5bG9hZA==']);
    const unknown = pathsOf('<name enctype="rot13">Cnlybnq</name>');
    await expect(unknown).rejects.toMatchObject({ reason: 'unreadable' });
  });

  it('may name signatures without their certificates', async () => {
    const { signatures } = await withTable(
      '<signature style="RSA"><offset>0</offset><size>32</size></signature>',
    );
    expect(signatures).toEqual([expect.objectContaining({ style: 'RSA', certificatesDer: [] })]);
  });
});

describe('Signatures of a macOS package', () => {
  let keys: SigningKeys;
  let signers: X509Signer[];

  beforeAll(async () => {
    for (const name of ['one', 'two'])
      await exec('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-subj', `/CN=${name}`, '-days', '30'],
        ...['-keyout', world.path(`${name}.key`), '-out', world.path(`${name}.pem`)],
      ]);
    const entry = (reference: string, secret: object) => ({ reference, kind: 'installer', secret });
    const own = (name: string) =>
      entry(name, { type: 'pem', certificates: `${name}.pem`, key: `${name}.key` });
    const list = {
      keys: [
        own('one'),
        own('two'),
        entry('chatty', { type: 'command', certificates: 'one.pem', command: ['/bin/echo', 'no signature'] }),
      ],
      authorities: ['one.pem', 'two.pem'],
    };
    keys = await readSigningKeys(await world.put('keys.json', JSON.stringify(list)));
    signers = await Promise.all(['one', 'two'].map((name) => x509Signer(ctx, keys, name, 'installer')));
  });

  /** Signed in both ways, by one each. */
  async function signedBy(rsa: X509Signer, cms: X509Signer): Promise<string> {
    count += 1;
    const file = world.path(`signed-${count}.pkg`);
    const at = new Date();
    const { length } = await signCms({ detached: Buffer.alloc(32) }, cms, at);
    await writeXar(file, [packed('a', 'content')], {
      certificatesDer: rsa.chainDer,
      signatureBytes: 256,
      cmsBytes: length,
      sign: rsa.sign,
      cms: (hash) => signCms({ detached: hash }, cms, at),
    });
    return file;
  }
  const verify = async (file: string) => verifyPackage(ctx, { format: 'pkg', file }, keys);

  it('are good when both are of one trusted key', async () => {
    const [one] = signers;
    if (one === undefined) throw new Error('No signer');
    expect(await verify(await signedBy(one, one))).toMatchObject({ subject: 'CN=one' });
  });

  it('are refused when they are of two keys, though both are trusted', async () => {
    const [one, two] = signers;
    if (one === undefined || two === undefined) throw new Error('No signers');
    await expect(verify(await signedBy(one, two))).rejects.toMatchObject({
      code: 'verification-failed',
      reason: 'key',
    });
  });

  it('are refused when the first one names no certificate', async () => {
    const [one] = signers;
    if (one === undefined) throw new Error('No signer');
    const nameless = { ...one, chainDer: [] };
    await expect(verify(await signedBy(nameless, one))).rejects.toMatchObject({ reason: 'damaged' });
  });

  it('are not looked for in a file that is not there', async () => {
    await expect(verify(world.path('nowhere.pkg'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('are not made of what a signing command says in error', async () => {
    const chatty = await x509Signer(ctx, keys, 'chatty', 'installer');
    const refused = signPkg(await pkgOf(packed('a', 'content')), chatty, world.path('chatty.pkg'));
    await expect(refused).rejects.toMatchObject({
      code: 'signing-failed',
      message: 'The signature has 13 bytes instead of 256',
    });
  });
});
