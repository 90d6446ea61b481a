import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SigningKeysFile } from '../../contracts/packaging-pipeline/signing-keys.ts';
import { readSigningKeys, type SigningKeys, type ToolContext } from '../../packaging/index.ts';
import { writeAuthorities } from '../../packaging/keys/authorities.ts';
import { ensureDevelopmentKeys } from '../../packaging/keys/development.ts';
import { openPgpKey } from '../../packaging/keys/openpgp.ts';
import { readPassword } from '../../packaging/keys/secret-files.ts';
import { type X509Signer, x509Signer } from '../../packaging/keys/x509-signer.ts';
import { signCms } from '../../packaging/sign/cms.ts';
import { bodyOf } from '../../packaging/sign/der.ts';
import { signPkg } from '../../packaging/sign/pkg.ts';
import { exec, PackagingWorld } from './support/world.ts';

/** Keys and certificates as operators bring them, made by openssl. */

type Kind = 'code-signing' | 'installer';
interface Pair {
  readonly certificates: string;
  readonly key: string;
}

let world: PackagingWorld;
let ctx: ToolContext;
/** An authority, one below it, and a signer that the latter vouches for. */
let root: Pair;
let middle: Pair;
let leaf: Pair;
let count = 0;

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

/** A certificate and its key; of an issuer, or self-signed. */
async function issue(name: string, options: { ca?: boolean; by?: Pair; key?: string[] } = {}): Promise<Pair> {
  const { ca = false, by, key = EC } = options;
  const pair = { certificates: world.path(`${name}.pem`), key: world.path(`${name}.key`) };
  const signing = by === undefined ? [] : ['-CA', by.certificates, '-CAkey', by.key];
  await exec('openssl', [
    ...['req', '-x509', ...key, '-keyout', pair.key, '-out', pair.certificates, '-days', '30'],
    ...['-subj', `/CN=${name}`, '-addext', `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`],
    ...signing,
  ]);
  return pair;
}

/** A list with one key of the reference `release`. */
async function listed(kind: Kind, secret: object, more: Partial<SigningKeysFile> = {}): Promise<SigningKeys> {
  count += 1;
  const list = { keys: [{ reference: 'release', kind, secret }], authorities: [root.certificates], ...more };
  return readSigningKeys(await world.put(`lists/${count}.json`, JSON.stringify(list)));
}

const signerOf = async (secret: object, kind: Kind = 'code-signing'): Promise<X509Signer> =>
  x509Signer(ctx, await listed(kind, secret), 'release', kind);
const pemOf = (pair: Pair, more: object = {}): object => ({ type: 'pem', ...pair, ...more });

async function pkcs12(name: string, args: readonly string[]): Promise<string> {
  const path = await world.put(name, '');
  await exec('openssl', ['pkcs12', '-export', '-out', path, ...args]);
  return path;
}

const subjects = ({ chainDer }: X509Signer): string[] =>
  chainDer.map((der) => new X509Certificate(der).subject);

/** Whether openssl finds the signature good; throws when not. */
async function checkedByOpenssl(cms: Buffer, content: string): Promise<void> {
  const file = await world.put('signed.cms', cms);
  await exec('openssl', [
    ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', file, '-content', content],
    ...['-CAfile', root.certificates, '-purpose', 'any', '-out', '/dev/null'],
  ]);
}

beforeAll(async () => {
  world = await PackagingWorld.open();
  ctx = await world.context();
  root = await issue('root', { ca: true });
  middle = await issue('middle', { ca: true, by: root });
  leaf = await issue('leaf', { by: middle });
});
afterAll(() => world.close());

describe('A certificate chain', () => {
  it('is brought into order: the signer first, and the authority itself left out', async () => {
    const texts = await Promise.all(
      [root, middle, leaf].map(({ certificates }) => readFile(certificates, 'utf8')),
    );
    const certificates = await world.put('mixed.pem', texts.join('\n'));
    const signer = await signerOf(pemOf({ certificates, key: leaf.key }));
    expect(subjects(signer)).toEqual(['CN=leaf', 'CN=middle']);
    const content = await world.put('content', 'signed by an elliptic curve');
    const detached = await readFile(content);
    const cms = await signCms({ detached }, signer, new Date());
    await checkedByOpenssl(cms, content);
    await expect(checkedByOpenssl(cms, await world.put('other', 'other'))).rejects.toThrow(
      /verification failure/i,
    );
  });

  it('may be of a single certificate that signs for itself', async () => {
    const signer = await signerOf(pemOf(root));
    expect(subjects(signer)).toEqual(['CN=root']);
  });

  it.each([
    ['is not there', undefined, /cannot be read/],
    ['holds none', 'nothing of that kind', /release \(code-signing\) has no certificate/],
    [
      'holds a damaged one',
      '-----BEGIN CERTIFICATE-----\nTm90aGluZw==\n-----END CERTIFICATE-----\n',
      /A certificate of the key release \(code-signing\) cannot be read/,
    ],
  ])('whose file %s is told of', async (what, content, message) => {
    const certificates = world.path(`chain ${what}.pem`);
    if (content !== undefined) await world.put(`chain ${what}.pem`, content);
    const refused = signerOf(pemOf({ certificates, key: leaf.key }));
    await expect(refused).rejects.toMatchObject({
      code: 'key-unusable',
      message: expect.stringMatching(message),
    });
  });
});

describe('A key file', () => {
  it('with a passphrase is used with it, and its error without says nothing of its content', async () => {
    const passphrase_file = await world.put('passphrase', 'correct horse\nsecond line\n');
    const key = await world.put('locked.key', '');
    await exec('openssl', [
      'pkey',
      '-in',
      leaf.key,
      '-aes256',
      '-passout',
      'pass:correct horse',
      '-out',
      key,
    ]);
    const locked = { certificates: leaf.certificates, key };
    const { keyType, sign } = await signerOf(pemOf(locked, { passphrase_file }));
    expect(keyType).toBe('ec');
    expect((await sign(Buffer.from('data'))).length).toBeGreaterThan(60);
    const wrong = await world.put('wrong', 'wrong\n');
    for (const more of [{}, { passphrase_file: wrong }]) {
      const error: unknown = await signerOf(pemOf(locked, more)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'key-unusable',
        message: expect.stringMatching(/is its password right/),
      });
      expect((error as Error).cause).toBeUndefined();
    }
  });

  it('as PKCS#12 needs no password, but a key', async () => {
    const pair = ['-in', leaf.certificates, '-inkey', leaf.key];
    const path = await pkcs12('open.p12', [...pair, '-passout', 'pass:']);
    expect(subjects(await signerOf({ type: 'pkcs12', path }))).toEqual(['CN=leaf']);
    const bare = await pkcs12('bare.p12', ['-in', leaf.certificates, '-nokeys', '-passout', 'pass:']);
    await expect(signerOf({ type: 'pkcs12', path: bare })).rejects.toThrow(
      /cannot be read; is its password right/,
    );
  });

  it('of a kind that no format takes is refused', async () => {
    const odd = await issue('odd', { key: ['-newkey', 'ed25519', '-noenc'] });
    await expect(signerOf(pemOf(odd))).rejects.toThrow(/release \(code-signing\) is neither RSA nor ECDSA/);
  });

  it('that is missing, or a folder, is named', async () => {
    await mkdir(world.path('folder'), { mode: 0o700 });
    for (const key of [world.path('nowhere'), world.path('folder')]) {
      const refused = signerOf(pemOf({ certificates: leaf.certificates, key }));
      await expect(refused).rejects.toMatchObject({
        code: 'key-unusable',
        message: `The key file ${key} cannot be read`,
      });
    }
  });

  it('is no password where there is none', async () => {
    expect(await readPassword(undefined)).toBe('');
    expect(await readPassword(await world.put('windows', 'with spaces \r\nmore'))).toBe('with spaces ');
    expect(await readPassword(await world.put('one-line', 'plain'))).toBe('plain');
  });
});

describe('A macOS package', () => {
  it('is not signed by an elliptic curve, which macOS does not take', async () => {
    const signer = await signerOf(pemOf(leaf), 'installer');
    await expect(signPkg(world.path('any.pkg'), signer, world.path('out.pkg'))).rejects.toMatchObject({
      code: 'key-unusable',
      reason: 'key-type',
    });
  });
});

it.each([
  ['a short', 0],
  ['a longer', 60],
  ['a very long', 400],
])('%s list of signed attributes is encoded as others read it', async (_, size) => {
  const content = await world.put('attributed', 'content');
  const signer = await signerOf(pemOf({ ...leaf, certificates: await chainFile() }));
  const octets = Buffer.concat([Buffer.from([0x04, 0x82, size >> 8, size & 0xff]), Buffer.alloc(size)]);
  const short = Buffer.concat([Buffer.from([0x04, size]), Buffer.alloc(size)]);
  const extra = size === 0 ? [] : [{ type: '1.2.3.4.5', value: size > 127 ? octets : short }];
  const cms = await signCms({ detached: await readFile(content) }, signer, new Date(), extra);
  await checkedByOpenssl(cms, content);
});

async function chainFile(): Promise<string> {
  const texts = await Promise.all([leaf, middle].map(({ certificates }) => readFile(certificates, 'utf8')));
  return world.put('chain.pem', texts.join('\n'));
}

it('The content of a DER element is what follows its length, however long that is', () => {
  expect(bodyOf(Buffer.from('3003020107', 'hex')).toString('hex')).toBe('020107');
  const long = Buffer.alloc(200, 7);
  expect(bodyOf(Buffer.concat([Buffer.from('0481c8', 'hex'), long]))).toEqual(long);
});

describe('Signing by a command', () => {
  const byCommand = (pair: Pair, command: string[], kind: Kind) =>
    signerOf({ type: 'command', certificates: pair.certificates, command }, kind);

  it('fails when the command prints nothing', async () => {
    const signer = await byCommand(leaf, ['/bin/true'], 'code-signing');
    await expect(signer.sign(Buffer.from('data'))).rejects.toMatchObject({
      code: 'signing-failed',
      message: 'The signing command of release printed no signature',
    });
  });
});

describe('The list of trusted authorities', () => {
  it('must name some, and such as can be read', async () => {
    const output = join(ctx.workspace, 'authorities');
    const none = await listed('installer', pemOf(leaf), { authorities: [] });
    await expect(writeAuthorities(none, output)).rejects.toThrow('No authority is trusted');
    const missing = await listed('installer', pemOf(leaf), { authorities: ['missing.pem'] });
    const path = join(dirname(world.path('lists/x')), 'missing.pem');
    await expect(writeAuthorities(missing, output)).rejects.toMatchObject({
      code: 'key-unusable',
      message: `The authority ${path} cannot be read`,
    });
  });
});

it('A file without an OpenPGP key signs nothing', async () => {
  const path = await world.put('no-key.asc', 'no key');
  const keys = await readSigningKeys(
    await world.put(
      'openpgp.json',
      JSON.stringify({
        keys: [{ reference: 'release', kind: 'openpgp', secret: { type: 'file', path } }],
        authorities: [],
      }),
    ),
  );
  await expect(openPgpKey(ctx, keys, 'release')).rejects.toMatchObject({ code: 'key-unusable' });
});

it('Development keys that cannot be made leave nothing behind', async () => {
  const data = world.path('development');
  const without = { ...ctx, settings: { ...ctx.settings, programs: { gpg: '/nonexistent/gpg' } } };
  await expect(ensureDevelopmentKeys(without, data)).rejects.toMatchObject({ code: 'tool-missing' });
  expect(await exec('ls', ['-A', data])).toMatchObject({ stdout: '' });
});
