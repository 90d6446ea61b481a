import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SigningKeysFile } from '../../contracts/packaging-pipeline/signing-keys.ts';
import { x509 } from '../../runtime/certificates/x509.ts';
import { writePrivateFile } from '../../runtime/files.ts';
import type { ToolContext } from '../context.ts';
import { runTool } from '../tools/run-tool.ts';
import { signingGpg, withGpgHome } from './openpgp.ts';

/** Keys for development and tests: an authority of the data folder's own, made once. Nobody else trusts it. */

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 3_072,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;
const DAY_MS = 86_400_000;
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/** The reference under which development keys are listed. */
export const DEVELOPMENT_REFERENCE = 'development';

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const serial = (): string => `4${randomBytes(15).toString('hex').slice(1)}`;

async function pem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

export interface Dates {
  readonly from: Date;
  readonly to: Date;
}

/** A self-signed authority. */
export async function makeAuthority(name: string, dates: Dates): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}, O=EUCORA`,
    notBefore: dates.from,
    notAfter: dates.to,
    keys,
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

/** A certificate that signs code, with its key; both PEM. */
export async function issueSigner(
  issuer: Issuer,
  name: string,
  dates: Dates,
): Promise<{ certificate: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${name}, O=EUCORA`,
    issuer: issuer.certificate.subject,
    notBefore: dates.from,
    notAfter: dates.to,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([CODE_SIGNING]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pem(keys) };
}

/**
 * A new OpenPGP key, armored. `expires`: as gpg takes it, such as `1y`; `createdAt` moves gpg's clock; `bits`: of RSA,
 * 3,072 unless told otherwise.
 */
export async function makeOpenPgpKey(
  ctx: ToolContext,
  user: string,
  options: {
    readonly expires: string;
    readonly createdAt?: Date;
    readonly passphraseFile?: string;
    readonly bits?: number;
  },
): Promise<{ secret: string; public: string }> {
  return withGpgHome(ctx, async (home) => {
    const clock =
      options.createdAt === undefined
        ? []
        : ['--faked-system-time', String(Math.floor(options.createdAt.getTime() / 1_000))];
    const passphrase = [
      '--pinentry-mode',
      'loopback',
      '--passphrase-file',
      options.passphraseFile ?? '/dev/null',
    ];
    const args = [...signingGpg(home), ...passphrase, ...clock];
    const secret = { failure: 'key-unusable', secret: true } as const;
    const algorithm = `rsa${options.bits ?? 3_072}`;
    await runTool(ctx, 'gpg', [...args, '--quick-gen-key', user, algorithm, 'sign', options.expires], secret);
    const exported = async (what: string): Promise<string> =>
      (await runTool(ctx, 'gpg', [...args, '--armor', what], secret)).stdout;
    return { secret: await exported('--export-secret-keys'), public: await exported('--export') };
  });
}

/**
 * The list of development signing keys in a data folder, made if it is not there. The folder appears as a whole or
 * not at all, so that of two workers at once one makes it and the other finds it.
 *
 * @returns path of the list, as `readSigningKeys` takes it
 */
export async function ensureDevelopmentKeys(ctx: ToolContext, dataDir: string): Promise<string> {
  const target = join(dataDir, 'signing');
  const list = join(target, 'keys.json');
  if (await isThere(list)) return list;
  await mkdir(dataDir, { recursive: true });
  const folder = await mkdtemp(join(dataDir, 'signing-new-'));
  try {
    await fill(ctx, folder);
    await rename(folder, target);
  } catch (error) {
    if (!(await isThere(list))) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return list;
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function fill(ctx: ToolContext, folder: string): Promise<void> {
  const put = (name: string, content: string): Promise<void> => writePrivateFile(join(folder, name), content);
  const from = new Date(Date.now() - 5 * 60_000);
  const years = (count: number): Dates => ({ from, to: new Date(from.getTime() + count * 365 * DAY_MS) });
  // First what may fail, where gpg is not there.
  const openPgp = await makeOpenPgpKey(ctx, 'EUCORA Development <development@eucora.invalid>', {
    expires: '3y',
  });
  await put('openpgp-key.asc', openPgp.secret);
  await put('openpgp.asc', openPgp.public);
  const authority = await makeAuthority('EUCORA Development Signing', years(10));
  await put('authority.pem', authority.certificate.toString('pem'));
  for (const kind of ['code-signing', 'installer'] as const) {
    const issued = await issueSigner(authority, `EUCORA Development (${kind})`, years(3));
    await put(`${kind}.pem`, issued.certificate);
    await put(`${kind}-key.pem`, issued.key);
  }
  const reference = DEVELOPMENT_REFERENCE;
  const x509Entry = (kind: 'code-signing' | 'installer') =>
    ({
      reference,
      kind,
      secret: { type: 'pem', certificates: `${kind}.pem`, key: `${kind}-key.pem` },
    }) as const;
  const list: SigningKeysFile = {
    keys: [
      { reference, kind: 'openpgp', secret: { type: 'file', path: 'openpgp-key.asc' } },
      x509Entry('code-signing'),
      x509Entry('installer'),
    ],
    authorities: ['authority.pem'],
    trusted_openpgp_keys: [],
    warn_before_days: 30,
  };
  await put('keys.json', `${JSON.stringify(list, undefined, 2)}\n`);
}
