import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SigningKeyEntry } from '../../contracts/packaging-pipeline/signing-keys.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';
import { externalSigner } from './external.ts';
import { readPassword, readSecret } from './secret-files.ts';
import { keysOf, type SigningKeys } from './signing-keys.ts';
import { newestValid } from './validity.ts';

type X509Entry = Extract<SigningKeyEntry, { kind: 'code-signing' | 'installer' }>;

export interface X509Signer {
  readonly entry: X509Entry;
  readonly certificate: X509Certificate;
  /** The certificate first, then those between it and the authority. */
  readonly chainDer: readonly Buffer[];
  readonly keyType: 'rsa' | 'ec';
  /** PKCS#1 v1.5 or ECDSA signature over the SHA-256 of `data`. */
  sign(data: Buffer): Promise<Buffer>;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

type Chain = readonly [X509Certificate, ...X509Certificate[]];

/** All certificates of a PEM text, at least one. @throws PackagingError */
function certificatesIn(pem: string, what: string): Chain {
  const found = [...pem.matchAll(PEM)].map(([text]) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw new PackagingError('key-unusable', `A certificate of ${what} cannot be read`, { cause: error });
    }
  });
  const [first, ...others] = found;
  if (first === undefined) throw new PackagingError('key-unusable', `${what} has no certificate`);
  return [first, ...others];
}

/** What `openssl` takes out of a PKCS#12 file; stays in this process. */
async function pkcs12(
  ctx: ToolContext,
  path: string,
  passwordFile: string | undefined,
  what: 'key' | 'certificates',
) {
  await readSecret(path);
  await readPassword(passwordFile);
  const only = what === 'key' ? ['-nocerts', '-noenc'] : ['-nokeys'];
  const password = passwordFile === undefined ? 'pass:' : `file:${passwordFile}`;
  const { stdout } = await runTool(ctx, 'openssl', ['pkcs12', '-in', path, ...only, '-passin', password], {
    failure: 'key-unusable',
    secret: true,
  });
  return stdout;
}

async function certificatesOf(ctx: ToolContext, entry: X509Entry): Promise<Chain> {
  const { secret } = entry;
  const pem =
    secret.type === 'pkcs12'
      ? await pkcs12(ctx, secret.path, secret.password_file, 'certificates')
      : await readFile(secret.certificates, 'utf8').catch((error: unknown) => {
          throw new PackagingError('key-unusable', `${secret.certificates} cannot be read`, { cause: error });
        });
  return certificatesIn(pem, `the key ${entry.reference} (${entry.kind})`);
}

/** One that is in a file: a key behind a command stays there. */
async function privateKey(
  ctx: ToolContext,
  { reference, kind }: X509Entry,
  secret: Exclude<X509Entry['secret'], { type: 'command' }>,
): Promise<KeyObject> {
  try {
    if (secret.type === 'pem') {
      const passphrase = await readPassword(secret.passphrase_file);
      return createPrivateKey({
        key: await readSecret(secret.key),
        ...(passphrase === '' ? {} : { passphrase }),
      });
    }
    return createPrivateKey(await pkcs12(ctx, secret.path, secret.password_file, 'key'));
  } catch (error) {
    if (error instanceof PackagingError) throw error;
    // What the library says could hold parts of the file.
    throw new PackagingError(
      'key-unusable',
      `The key ${reference} (${kind}) cannot be read; is its password right?`,
    );
  }
}

/** The certificate that a private key belongs to first, whatever the order in the file. */
function leafFirst(certificates: Chain): Chain {
  const leaf = certificates.find(({ ca }) => !ca) ?? certificates[0];
  return [leaf, ...certificates.filter((certificate) => certificate !== leaf && !selfSigned(certificate))];
}
const selfSigned = (certificate: X509Certificate): boolean => certificate.subject === certificate.issuer;

/** The newest valid key of a reference, ready to sign. @throws PackagingError `key-unusable` */
export async function x509Signer(
  ctx: ToolContext,
  keys: SigningKeys,
  reference: string,
  kind: 'code-signing' | 'installer',
): Promise<X509Signer> {
  const candidates = await Promise.all(
    keysOf(keys, reference, kind).map(async (entry) => {
      const chain = leafFirst(await certificatesOf(ctx, entry));
      return { entry, chain, from: new Date(chain[0].validFrom), to: new Date(chain[0].validTo) };
    }),
  );
  const { entry, chain } = newestValid(candidates, reference, kind);
  const [certificate] = chain;
  const type = certificate.publicKey.asymmetricKeyType;
  if (type !== 'rsa' && type !== 'ec')
    throw new PackagingError('key-unusable', `The key ${reference} (${kind}) is neither RSA nor ECDSA`);
  const common = { entry, chainDer: chain.map(({ raw }) => raw), certificate, keyType: type } as const;
  const { secret } = entry;
  if (secret.type === 'command') return { ...common, sign: externalSigner(ctx, reference, secret.command) };
  const key = await privateKey(ctx, entry, secret);
  if (!certificate.checkPrivateKey(key))
    throw new PackagingError(
      'key-unusable',
      `The key ${reference} (${kind}) is not the one of its certificate`,
    );
  return { ...common, sign: async (data) => sign('sha256', data, key) };
}
