import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyKind, SigningKeysFile } from '../../contracts/packaging-pipeline/signing-keys.ts';
import {
  type BuiltPackage,
  readSigningKeys,
  type SigningKeys,
  signPackage,
  type ToolContext,
  verifyPackage,
} from '../../packaging/index.ts';
import {
  ensureDevelopmentKeys,
  issueSigner,
  makeAuthority,
  makeOpenPgpKey,
} from '../../packaging/keys/development.ts';
import { signingKeyProblems } from '../../packaging/keys/problems.ts';
import { expiryWarnings, newestValid } from '../../packaging/keys/validity.ts';
import { timestampServer } from './support/timestamp-server.ts';
import { exec, PackagingWorld } from './support/world.ts';

const DAY = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * DAY);
const NOW = { from: inDays(-1), to: inDays(300) };
/** Of OpenPGP keys: made sooner than those of development, whose length is not what is tested. */
const BITS = 2_048;

type Entry = SigningKeysFile['keys'][number];
let world: PackagingWorld;
let authority: Awaited<ReturnType<typeof makeAuthority>>;
const built = {} as Record<'deb' | 'rpm' | 'msi' | 'pkg', { ctx: ToolContext; built: BuiltPackage }>;
let count = 0;

/** A list of keys in a folder of its own. */
async function listed(keys: readonly Entry[], more: Partial<SigningKeysFile> = {}): Promise<SigningKeys> {
  count += 1;
  const list = { keys, authorities: [world.path('authority.pem')], ...more };
  return readSigningKeys(await world.put(`lists/keys-${count}.json`, JSON.stringify(list)));
}

async function certificate(dates = NOW): Promise<{ certificates: string; key: string }> {
  count += 1;
  const issued = await issueSigner(authority, `Signer ${count}`, dates);
  return {
    certificates: await world.put(`x509/${count}.pem`, issued.certificate),
    key: await world.put(`x509/${count}.key`, issued.key),
  };
}

const x509 = (kind: 'code-signing' | 'installer', secret: object): Entry =>
  ({ reference: 'release', kind, secret }) as Entry;

async function openPgp(options: Parameters<typeof makeOpenPgpKey>[2], secret: object = {}): Promise<Entry> {
  count += 1;
  const made = await makeOpenPgpKey(await world.context(), `Signer ${count} <s${count}@example.org>`, {
    bits: BITS,
    ...options,
  });
  const path = await world.put(`pgp/${count}.asc`, made.secret);
  return { reference: 'release', kind: 'openpgp', secret: { type: 'file', path, ...secret } } as Entry;
}

const GONE = { kind: 'openpgp', secret: { type: 'file', path: '/nowhere.asc' } } as const;

async function signAndVerify(format: keyof typeof built, keys: SigningKeys, ctx = built[format].ctx) {
  const signed = await signPackage(ctx, built[format].built, keys, 'release');
  return { signed, verified: await verifyPackage(ctx, signed, keys) };
}

beforeAll(async () => {
  world = await PackagingWorld.open();
  authority = await makeAuthority('Test Authority', { from: inDays(-900), to: inDays(900) });
  await world.put('authority.pem', authority.certificate.toString('pem'));
  for (const format of ['deb', 'rpm', 'msi', 'pkg'] as const) built[format] = await world.build(format);
});
afterAll(() => world.close());

describe('Development keys', () => {
  it('are made once, and nobody else may read them', async () => {
    const data = world.path('development');
    const lists = await Promise.all([
      ensureDevelopmentKeys(await world.context(), data),
      ensureDevelopmentKeys(await world.context(), data),
    ]);
    expect(lists[0]).toBe(lists[1]);
    const before = await readFile(join(data, 'signing/openpgp-key.asc'), 'utf8');
    await ensureDevelopmentKeys(await world.context(), data);
    expect(await readFile(join(data, 'signing/openpgp-key.asc'), 'utf8')).toBe(before);
    expect(await readdir(data)).toEqual(['signing']);
    for (const name of await readdir(join(data, 'signing')))
      expect((await stat(join(data, 'signing', name))).mode & 0o077).toBe(0);
  });
});

describe('X.509 keys', () => {
  it.each(['msi', 'pkg'] as const)('in a PKCS#12 file with a password sign %s', async (format) => {
    const { certificates, key } = await certificate();
    const password = await world.put('p12/password', 'correct horse\n');
    const path = world.path(`p12/${format}.p12`);
    await exec('openssl', [
      ...[
        'pkcs12',
        '-export',
        '-in',
        certificates,
        '-inkey',
        key,
        '-out',
        path,
        '-passout',
        `file:${password}`,
      ],
    ]);
    await chmod(path, 0o600);
    const kind = format === 'msi' ? 'code-signing' : 'installer';
    world.lines.length = 0;
    const keys = await listed([x509(kind, { type: 'pkcs12', path, password_file: password })]);
    const { signed, verified } = await signAndVerify(format, keys);
    expect(verified.thumbprint).toBe(signed.thumbprint);
    expect(world.lines.join('\n')).not.toMatch(/correct horse|PRIVATE KEY/);
    const wrong = await world.put('p12/wrong', 'wrong\n');
    const refused = await listed([x509(kind, { type: 'pkcs12', path, password_file: wrong })]);
    await expect(signAndVerify(format, refused)).rejects.toMatchObject({ code: 'key-unusable' });
  });

  it.each(['msi', 'pkg'] as const)('behind a command sign %s, and stay there', async (format) => {
    const { certificates, key } = await certificate();
    const kind = format === 'msi' ? 'code-signing' : 'installer';
    const command = ['/usr/bin/openssl', 'dgst', '-sha256', '-sign', key];
    const keys = await listed([x509(kind, { type: 'command', certificates, command })]);
    const { signed, verified } = await signAndVerify(format, keys);
    expect(verified.thumbprint).toBe(signed.thumbprint);
  });

  it('are refused once they have ended, and before they begin', async () => {
    const dates = [
      [{ from: inDays(-20), to: inDays(-1) }, 'expired'],
      [{ from: inDays(5), to: inDays(20) }, 'not-yet-valid'],
    ] as const;
    for (const [validity, reason] of dates) {
      const keys = await listed([x509('code-signing', { type: 'pem', ...(await certificate(validity)) })]);
      await expect(signAndVerify('msi', keys)).rejects.toMatchObject({ code: 'key-unusable', reason });
    }
  });

  it('change: the newest valid one signs, what the older one signed still verifies', async () => {
    const entry = async (from: number, to: number) =>
      x509('installer', { type: 'pem', ...(await certificate({ from: inDays(from), to: inDays(to) })) });
    const old = await entry(-100, 50);
    const before = await signAndVerify('pkg', await listed([old]));
    const rotated = await listed([await entry(-200, -10), old, await entry(-2, 400), await entry(30, 500)]);
    const { ctx } = built.pkg;
    const kept = { ...before.signed, file: await world.put('old.pkg', await readFile(before.signed.file)) };
    const after = await signAndVerify('pkg', rotated);
    expect(after.signed.thumbprint).not.toBe(before.signed.thumbprint);
    expect((await verifyPackage(ctx, kept, rotated)).thumbprint).toBe(before.signed.thumbprint);
  });

  it('that others may read are not used', async () => {
    const pem = await certificate();
    await chmod(pem.key, 0o644);
    const keys = await listed([x509('installer', { type: 'pem', ...pem })]);
    await expect(signAndVerify('pkg', keys)).rejects.toMatchObject({ reason: 'permissions' });
  });

  it('that do not fit their certificate are not used', async () => {
    const [one, other] = [await certificate(), await certificate()];
    const keys = await listed([
      x509('installer', { type: 'pem', certificates: one.certificates, key: other.key }),
    ]);
    await expect(signAndVerify('pkg', keys)).rejects.toThrow(/not the one of its certificate/);
  });

  it('that end soon are warned of', async () => {
    const pem = await certificate({ from: inDays(-1), to: inDays(10) });
    const { signed } = await signAndVerify('pkg', await listed([x509('installer', { type: 'pem', ...pem })]));
    expect(signed.warnings).toEqual([expect.stringMatching(/release ends on .*, in 9 days/)]);
    const quiet = await listed([x509('installer', { type: 'pem', ...pem })], { warn_before_days: 5 });
    expect((await signAndVerify('pkg', quiet)).signed.warnings).toEqual([]);
  });
});

it('Keys that cannot sign now, and those that end soon, are told all at once', async () => {
  const keys = await world.developmentKeys();
  const ctx = await world.context();
  expect(await signingKeyProblems(ctx, keys)).toEqual([]);
  const [first] = keys.keys;
  const wide = { ...keys, warnBeforeDays: 3_650 };
  expect(await signingKeyProblems(ctx, wide)).toEqual([
    expect.stringMatching(/^The newest openpgp key of the reference development ends on \d{4}-\d\d-\d\d/),
    expect.stringMatching(/^The newest code-signing key of the reference development ends on/),
    expect.stringMatching(/^The newest installer key of the reference development ends on/),
  ]);
  const gone = {
    ...keys,
    keys: keys.keys.map((entry) => (entry === first ? { ...GONE, reference: 'gone' } : entry)),
  };
  expect(await signingKeyProblems(ctx, gone)).toEqual([expect.stringMatching(/nowhere\.asc cannot be read/)]);
});

describe('OpenPGP keys', () => {
  it('with a passphrase sign deb and rpm', async () => {
    const passphraseFile = await world.put('pgp/passphrase', 'battery staple\n');
    const keys = await listed([
      await openPgp({ expires: '1y', passphraseFile }, { passphrase_file: passphraseFile }),
    ]);
    world.lines.length = 0;
    for (const format of ['deb', 'rpm'] as const) {
      const { signed, verified } = await signAndVerify(format, keys);
      expect(verified.thumbprint).toBe(signed.thumbprint);
    }
    expect(world.lines.join('\n')).not.toContain('battery staple');
  });

  it('behind a command sign deb and rpm', async () => {
    const made = await makeOpenPgpKey(await world.context(), 'HSM <hsm@example.org>', {
      expires: '1y',
      bits: BITS,
    });
    const home = world.path('h');
    await world.put('h/key.asc', made.secret);
    await chmod(home, 0o700);
    await exec('gpg', ['--homedir', home, '--batch', '--import', join(home, 'key.asc')]);
    const public_key = await world.put('hsm.asc', made.public);
    const command = [
      '/usr/bin/gpg',
      '--homedir',
      home,
      '--batch',
      '--digest-algo',
      'SHA256',
      '--detach-sign',
    ];
    const keys = await listed([
      { reference: 'release', kind: 'openpgp', secret: { type: 'command', command, public_key } },
    ]);
    for (const format of ['deb', 'rpm'] as const) {
      const { signed, verified } = await signAndVerify(format, keys);
      expect(verified.thumbprint).toBe(signed.thumbprint);
    }
    await exec('gpgconf', ['--homedir', home, '--kill', 'all']);
  });

  it('are refused once they have ended', async () => {
    const keys = await listed([await openPgp({ expires: '2d', createdAt: inDays(-10) })]);
    for (const format of ['deb', 'rpm'] as const)
      await expect(signAndVerify(format, keys)).rejects.toMatchObject({
        code: 'key-unusable',
        reason: 'expired',
      });
  });

  it('change: the newest signs, a retired one is still trusted', async () => {
    const old = await openPgp({ expires: '1y', createdAt: inDays(-100) });
    const before = await signAndVerify('deb', await listed([old]));
    const kept = { ...before.signed, file: await world.put('old.deb', await readFile(before.signed.file)) };
    const rotated = await listed([old, await openPgp({ expires: '1y', createdAt: inDays(-1) })]);
    const after = await signAndVerify('deb', rotated);
    expect(after.signed.thumbprint).not.toBe(before.signed.thumbprint);
    expect((await verifyPackage(built.deb.ctx, kept, rotated)).thumbprint).toBe(before.signed.thumbprint);
  });
});

describe('A timestamp server', () => {
  it('puts its time into Authenticode signatures, and one that is away is tried again', async () => {
    const server = await timestampServer(world);
    const keys = await listed([x509('code-signing', { type: 'pem', ...(await certificate()) })]);
    const settings = { timestampUrl: server.url, timestampAuthorities: server.authority };
    const ctx = { ...built.msi.ctx, settings: { ...built.msi.ctx.settings, ...settings } };
    const { signed, verified } = await signAndVerify('msi', keys, ctx);
    expect(signed.timestamped).toBe(true);
    expect(verified.timestamped).toBe(true);
    expect(server.requests()).toBe(1);
    await server.close();
    await expect(signAndVerify('msi', keys, ctx)).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
    });
  });
});

describe('The list of keys', () => {
  it.each([
    ['that is missing', undefined],
    ['that is no JSON', 'keys:'],
    ['that has no keys', '{"keys":[],"authorities":[]}'],
  ])('%s is named in the error', async (_, content) => {
    const path = world.path('bad-list.json');
    if (content !== undefined) await world.put('bad-list.json', content);
    await expect(readSigningKeys(path)).rejects.toThrow(/bad-list\.json/);
  });

  it.each<[KeyKind, keyof typeof built]>([
    ['openpgp', 'deb'],
    ['code-signing', 'msi'],
    ['installer', 'pkg'],
  ])('without a %s key of the reference signs no %s', async (_, format) => {
    const keys = await listed([x509('installer', { type: 'pem', ...(await certificate()) })]);
    await expect(signPackage(built[format].ctx, built[format].built, keys, 'other')).rejects.toThrow(/other/);
  });
});

it('Among keys the one that began last is taken, and a key without an end has no warning', () => {
  const at = (from: number, to?: number) => ({
    from: inDays(from),
    to: to === undefined ? undefined : inDays(to),
  });
  const [a, b, c] = [at(-9, 5), at(-3), at(1, 9)];
  expect(newestValid([a, b, c], 'r', 'openpgp')).toBe(b);
  expect(expiryWarnings('It', undefined, 30)).toEqual([]);
});

it.each([74, 75, 76, 77, 120])(
  'gpg’s agent starts for a workspace whose path has %i bytes',
  async (length) => {
    const ctx = await world.context();
    const workspace = `${await mkdtemp('/tmp/long-')}/`.padEnd(length, 'x');
    try {
      const key = await makeOpenPgpKey({ ...ctx, workspace }, 'Long', { expires: '1y', bits: BITS });
      expect(key.public).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    } finally {
      await rm(dirname(workspace), { recursive: true, force: true });
    }
  },
);
