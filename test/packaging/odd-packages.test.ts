import { open, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { checkIdentity } from '../../packaging/build/identity.ts';
import {
  type BuiltPackage,
  type PackageFile,
  readSigningKeys,
  type SigningKeys,
  signPackage,
  type ToolContext,
  verifyPackage,
} from '../../packaging/index.ts';
import { keysInFile, type OpenPgpEntry } from '../../packaging/keys/openpgp.ts';
import { type ArMember, arMembers, memberBytes, writeAr } from '../../packaging/sign/ar.ts';
import { signDeb } from '../../packaging/sign/deb.ts';
import { signRpm } from '../../packaging/sign/rpm.ts';
import { describePackage } from './support/descriptions.ts';
import { exec, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
let ctx: ToolContext;
let deb: BuiltPackage;
let count = 0;

beforeAll(async () => {
  world = await PackagingWorld.open();
  ({ ctx, built: deb } = await world.build('deb'));
});
afterAll(() => world.close());

async function membersOf(path: string): Promise<ArMember[]> {
  const file = await open(path);
  try {
    return await arMembers(file);
  } finally {
    await file.close();
  }
}

describe('An ar archive', () => {
  const header = (size: string, end = '`\n'): string =>
    `${'a'.padEnd(16)}${'0'.padEnd(32)}${size.padEnd(10)}${end}`;
  const MAGIC = '!<arch>\n';

  it.each([
    ['is none', 'PK and so on', /no ar archive/],
    ['is empty', '', /no ar archive/],
    ['breaks off in a header', `${MAGIC}a  `, /damaged/],
    ['has a header without its end', `${MAGIC}${header('0', 'xx')}`, /damaged/],
    ['has a size that is no number', `${MAGIC}${header('many')}`, /damaged/],
    ['has a size below nothing', `${MAGIC}${header('-1')}`, /damaged/],
    ['has less content than it says', `${MAGIC}${header('8')}short`, /cut short/],
  ])('is refused when it %s', async (_, content, message) => {
    count += 1;
    await expect(membersOf(await world.put(`ar-${count}`, content))).rejects.toMatchObject({
      code: 'source-refused',
      reason: 'unreadable',
      message: expect.stringMatching(message),
    });
  });

  it('keeps members of odd sizes and of none, as ar itself reads them', async () => {
    const from = world.path('from.ar');
    for (const [name, content] of [
      ['odd', 'odd'],
      ['none', ''],
      ['even', 'even'],
    ] as const)
      await world.put(name, content);
    await exec('ar', ['rcD', from, 'odd', 'none', 'even'], { cwd: world.root });
    const members = await membersOf(from);
    expect(members.map(({ name, size }) => [name, size])).toEqual([
      ['odd', 3],
      ['none', 0],
      ['even', 4],
    ]);
    for (const content of ['last', 'an odd last']) {
      const output = world.path(`to-${content.length}.ar`);
      await writeAr(output, from, members, { name: 'last', content: Buffer.from(content) });
      const told = async (name: string) => (await exec('ar', ['p', output, name])).stdout;
      expect((await exec('ar', ['t', output])).stdout.split('\n')).toEqual([
        'odd',
        'none',
        'even',
        'last',
        '',
      ]);
      expect([await told('odd'), await told('none'), await told('even'), await told('last')]).toEqual([
        'odd',
        '',
        'even',
        content,
      ]);
      const again = await membersOf(output);
      const read = await Promise.all(again.map(async (member) => text(memberBytes(output, member))));
      expect(read).toEqual(['odd', '', 'even', content]);
    }
  });
});

/** A list with a key of each kind that has been made for this file. */
async function keysWith(keys: readonly object[], more: object = {}): Promise<SigningKeys> {
  count += 1;
  const list = { keys, authorities: ['x509.pem'], ...more };
  return readSigningKeys(await world.put(`keys-${count}.json`, JSON.stringify(list)));
}
const x509 = (kind: string): object => ({
  reference: 'release',
  kind,
  secret: { type: 'pem', certificates: 'x509.pem', key: 'x509.key' },
});

/** An OpenPGP key and what else of it is needed; `at`: seconds by which gpg's clock is moved. */
async function openPgp(name: string, expires: string, at = 0) {
  const home = world.path(`h-${name}`);
  await world.put(`h-${name}/none`, '');
  await exec('chmod', ['700', home]);
  const clock = at === 0 ? [] : ['--faked-system-time', String(Math.floor(Date.now() / 1_000) + at)];
  const gpg = (...args: string[]) =>
    exec('gpg', [
      '--homedir',
      home,
      '--batch',
      '--no-tty',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      ...clock,
      ...args,
    ]);
  await gpg('--quick-gen-key', `${name} <${name}@example.org>`, 'rsa2048', 'sign', expires);
  const secret = await world.put(`${name}.sec`, (await gpg('--armor', '--export-secret-keys')).stdout);
  const publicKey = await world.put(`${name}.asc`, (await gpg('--armor', '--export')).stdout);
  const entry = { reference: 'release', kind: 'openpgp', secret: { type: 'file', path: secret } };
  const command = [
    '/usr/bin/gpg',
    '--homedir',
    home,
    '--batch',
    ...clock,
    '--digest-algo',
    'SHA256',
    '--detach-sign',
  ];
  return {
    entry,
    publicKey,
    gpg,
    /** Signs whatever the time is, for it is a command that has a clock of its own. */
    external: { ...entry, secret: { type: 'command', command, public_key: publicKey } },
    end: () => exec('gpgconf', ['--homedir', home, '--kill', 'all']),
  };
}

describe('An OpenPGP key', () => {
  it('without an end signs, has no warning, and is told to have none; retired, it is trusted still', async () => {
    const endless = await openPgp('endless', 'never');
    const keys = await keysWith([endless.entry]);
    const signed = await signPackage(ctx, deb, keys, 'release');
    expect(signed).toMatchObject({ expires_at: null, warnings: [] });
    expect(await verifyPackage(ctx, signed, keys)).toMatchObject({ expires_at: null });
    const retired = await keysWith([x509('installer')], { trusted_openpgp_keys: ['endless.asc'] });
    expect((await verifyPackage(ctx, signed, retired)).thumbprint).toBe(signed.thumbprint);
    // The deb takes it at its word which key that is; another one is none.
    const stranger = await openPgp('stranger', 'never');
    const others = await keysWith([x509('installer')], { trusted_openpgp_keys: ['stranger.asc'] });
    await expect(verifyPackage(ctx, signed, others)).rejects.toMatchObject({ code: 'verification-failed' });
    await expect(verifyPackage(ctx, signed, await keysWith([x509('installer')]))).rejects.toMatchObject({
      code: 'key-unusable',
      message: 'No OpenPGP key is trusted',
    });
    await endless.end();
    await stranger.end();
  }, 90_000);
});

describe.each(['deb', 'rpm'] as const)('A signature of a %s', (format) => {
  let file: string;
  beforeAll(async () => {
    file = format === 'deb' ? deb.file : (await world.build('rpm')).built.file;
  });

  it('of a key that has ended since is not good any more', async () => {
    const ended = await openPgp(`ended-${format}`, '2d', -10 * 86_400);
    const [key] = await keysInFile(ctx, ended.publicKey);
    const signed = { format, file: world.path(`ended.${format}`) };
    const by = { entry: ended.external as OpenPgpEntry, fingerprint: key.fingerprint };
    await (format === 'deb' ? signDeb : signRpm)(ctx, file, by, signed.file);
    await expect(verifyPackage(ctx, signed, await keysWith([ended.entry]))).rejects.toMatchObject({
      code: 'verification-failed',
      reason: 'key',
    });
    await ended.end();
  }, 90_000);

  it('by a subkey is one of the key that has it, as far as the format’s own tools know subkeys', async () => {
    const primary = await openPgp(`primary-${format}`, 'never');
    const [{ fingerprint }] = await keysInFile(ctx, primary.publicKey);
    await primary.gpg('--quick-add-key', fingerprint, 'rsa2048', 'sign', 'never');
    const path = await world.put(
      `sub-${format}.sec`,
      (await primary.gpg('--armor', '--export-secret-keys')).stdout,
    );
    const keys = await keysWith([{ ...primary.entry, secret: { type: 'file', path } }]);
    const signed = await signPackage(ctx, { format, file }, keys, 'release');
    const verified = verifyPackage(ctx, signed, keys);
    if (format === 'deb') await expect(verified).rejects.toMatchObject({ reason: 'subkey' });
    else expect(await verified).toMatchObject({ thumbprint: fingerprint });
    // Of a key that its owner has never told of the subkey, it is a stranger's.
    await expect(verifyPackage(ctx, signed, await keysWith([primary.entry]))).rejects.toMatchObject({
      code: 'verification-failed',
    });
    await primary.end();
  }, 90_000);
});

it('An rpm that nobody has signed is refused even when the first of its checks is wrong', async () => {
  const { built } = await world.build('rpm');
  const real = (await exec('sh', ['-c', 'command -v rpmkeys'])).stdout.trim();
  const program = `#!/bin/sh\ncase "$*" in *--checksig*) exit 0;; esac\nexec '${real}' "$@"\n`;
  const rpmkeys = await world.put('blind/rpmkeys', program, 0o755);
  const blind = { ...ctx, settings: { ...ctx.settings, programs: { rpmkeys } } };
  const someone = await openPgp('anybody', 'never');
  await expect(verifyPackage(blind, built, await keysWith([someone.entry]))).rejects.toMatchObject({
    code: 'verification-failed',
    reason: 'unsigned',
  });
  await someone.end();
}, 90_000);

describe('A file of OpenPGP data', () => {
  it('that holds no key names none', async () => {
    const someone = await openPgp('someone', 'never');
    const signature = world.path('detached.sig');
    await someone.gpg('--output', signature, '--detach-sign', deb.file);
    await expect(keysInFile(ctx, signature)).rejects.toMatchObject({
      code: 'key-unusable',
      message: `${signature} holds no OpenPGP key`,
    });
    await someone.end();
  }, 90_000);
});

describe('A deb', () => {
  it('of other parts than a deb has is not signed', async () => {
    const members = await membersOf(deb.file);
    const odd = world.path('odd.deb');
    await writeAr(odd, deb.file, members, { name: 'extra', content: Buffer.from('more') });
    const few = world.path('few.deb');
    await writeAr(few, deb.file, members.slice(1, 2), { name: 'data.tar', content: Buffer.from('data') });
    const signer = await openPgp('signer', 'never');
    const keys = await keysWith([signer.entry]);
    for (const file of [odd, few])
      await expect(signPackage(ctx, { format: 'deb', file }, keys, 'release')).rejects.toMatchObject({
        code: 'source-refused',
        message: 'The deb does not consist of debian-binary, control and data',
      });
    await signer.end();
  }, 90_000);
});

describe('An msi', () => {
  let msi: BuiltPackage;
  let keys: SigningKeys;
  let signed: PackageFile;

  beforeAll(async () => {
    await exec('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '30'],
      ...['-keyout', world.path('x509.key'), '-out', world.path('x509.pem'), '-subj', '/CN=Curve'],
      ...['-addext', 'extendedKeyUsage=codeSigning', '-addext', 'keyUsage=digitalSignature,keyCertSign'],
    ]);
    keys = await keysWith([x509('code-signing')]);
    ({ built: msi } = await world.build('msi'));
    signed = await signPackage(ctx, msi, keys, 'release');
  });

  it('is signed by an elliptic curve as well', async () => {
    expect(await verifyPackage(ctx, signed, keys)).toMatchObject({ subject: 'CN=Curve' });
  });

  it('that is no compound file is refused as damaged', async () => {
    const file = await world.put('damaged.msi', 'no compound file');
    await expect(verifyPackage(ctx, { format: 'msi', file }, keys)).rejects.toMatchObject({
      code: 'verification-failed',
      reason: 'damaged',
    });
  });

  it('whose content was changed is refused even when the first of its checks is wrong', async () => {
    const bytes = await readFile(signed.file);
    const at = bytes.indexOf('MSCF') + 60;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const file = await world.put('changed.msi', bytes);
    const real = (await exec('sh', ['-c', 'command -v osslsigncode'])).stdout.trim();
    const program = `#!/bin/sh\n[ "$1" = verify ] && exit 0\nexec '${real}' "$@"\n`;
    const osslsigncode = await world.put('blind/osslsigncode', program, 0o755);
    const blind = { ...ctx, settings: { ...ctx.settings, programs: { osslsigncode } } };
    await expect(verifyPackage(blind, { format: 'msi', file }, keys)).rejects.toMatchObject({
      reason: 'damaged',
      message: 'The msi does not fit the hash that was signed',
    });
    expect(await verifyPackage(blind, signed, keys)).toMatchObject({ timestamped: false });
  });

  it('that does not say which product it is, is not the described one', async () => {
    const file = await world.put('nameless.msi', await readFile(msi.file));
    const ask = (query: string) => exec('msibuild', [file, '-q', query]);
    await ask("DELETE FROM `Property` WHERE `Property`='UpgradeCode'");
    await expect(checkIdentity(ctx, file, describePackage('msi'))).rejects.toMatchObject({
      reason: 'wrong-package',
      message: expect.stringMatching(/says that it is {2}1\.2\.3, the description/),
    });
    await ask("DELETE FROM `Property` WHERE `Property`='ProductVersion'");
    await expect(checkIdentity(ctx, file, describePackage('msi'))).rejects.toThrow(
      /says that it is {2}, the/,
    );
  });
});
