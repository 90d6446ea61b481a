import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writePrivateFile } from '../files.ts';
import { checkSigningRequest } from './signing-request.ts';
import { x509 } from './x509.ts';

const CA_YEARS = 20;
const AGENT_DAYS = 365;
const SERVER_DAYS = 397;
const EVIDENCE_DAYS = 5 * 365;
/** Certificates begin a little in the past, for machines whose clocks are behind. */
const BACKDATE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const CERTIFICATE_FILE = 'ca.pem';
const KEY_FILE = 'ca-key.pem';
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Organisation in the subject of every agent certificate. */
export const AGENT_ORGANISATION = 'EUCORA Agents';

export interface IssuedCertificate {
  readonly pem: string;
  readonly serial: string;
  /** SHA-256 over the DER form, hex. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface CertificateRequest {
  readonly subject: x509.Name;
  readonly days: number;
  readonly publicKey: webcrypto.CryptoKey;
  readonly usage: x509.ExtendedKeyUsage;
  readonly names?: readonly string[];
}

/** What a certificate needs of a signing request that may be signed: the key, and the name of the machine. */
export interface AcceptedRequest {
  readonly publicKey: webcrypto.CryptoKey;
  readonly name: string;
}

/** The platform's own certification authority: issues certificates for agents and for the agents' listener. */
export class CertificateAuthority {
  readonly certificatePem: string;
  /** SHA-256 over the DER form of the authority's certificate, hex. */
  readonly fingerprint: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificatePem: string, key: webcrypto.CryptoKey) {
    this.certificatePem = certificatePem;
    this.fingerprint = createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex');
    this.#certificate = new x509.X509Certificate(certificatePem);
    this.#key = key;
  }

  static paths(dataDir: string): { certificate: string; key: string } {
    return { certificate: join(dataDir, 'ca', CERTIFICATE_FILE), key: join(dataDir, 'ca', KEY_FILE) };
  }

  /** Opens the authority in a data directory; fails when it has not been made. */
  static async open(dataDir: string): Promise<CertificateAuthority> {
    const paths = CertificateAuthority.paths(dataDir);
    const [certificate, key] = await Promise.all([
      readFile(paths.certificate, 'utf8'),
      readFile(paths.key, 'utf8'),
    ]).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new Error(`There is no certification authority in ${dataDir}; run the setup first`, {
        cause: error,
      });
    });
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new Error(`${paths.key} is not the key of ${paths.certificate}; restore both from one backup`);
    const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
    return new CertificateAuthority(
      certificate,
      await webcrypto.subtle.importKey('pkcs8', der, ECDSA, false, ['sign']),
    );
  }

  /**
   * Makes the authority of a data directory unless it is there. Its folder appears as a whole or not at all, so that
   * of two setups at once one makes it and the other finds it.
   *
   * @returns whether it was made
   */
  static async ensure(dataDir: string): Promise<boolean> {
    if (await isComplete(dataDir)) return false;
    await mkdir(dataDir, { recursive: true });
    const folder = await mkdtemp(join(dataDir, 'ca-new-'));
    try {
      await CertificateAuthority.#make(folder);
      await chmod(folder, 0o755);
      await rename(folder, join(dataDir, 'ca'));
      return true;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error)) || !(await isComplete(dataDir))) throw error;
      return false;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  static async #make(folder: string): Promise<void> {
    const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerial(),
      name: `CN=EUCORA CA ${randomBytes(4).toString('hex')}, O=EUCORA`,
      notBefore: new Date(Date.now() - BACKDATE_MS),
      notAfter: new Date(Date.now() + CA_YEARS * 365 * DAY_MS),
      keys,
      signingAlgorithm: ECDSA,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    await writePrivateFile(join(folder, CERTIFICATE_FILE), certificate.toString('pem'), 0o644);
    await writePrivateFile(
      join(folder, KEY_FILE),
      createPrivateKey({ key, format: 'der', type: 'pkcs8' })
        .export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    );
  }

  /**
   * Checks all of a signing request that could keep it from being signed. Nothing is taken over of it but the key.
   *
   * @throws SigningRequestError when the request is not acceptable
   */
  async accept(csrPem: string, name: string): Promise<AcceptedRequest> {
    const publicKey = await checkSigningRequest(csrPem);
    agentSubject(name, NOBODY).toArrayBuffer();
    return { publicKey, name };
  }

  /** Issues a client certificate for the key of a request that was accepted. */
  issueAccepted({ publicKey, name }: AcceptedRequest, agentId: string): Promise<IssuedCertificate> {
    return this.#issue({
      subject: agentSubject(name, agentId),
      days: AGENT_DAYS,
      publicKey,
      usage: x509.ExtendedKeyUsage.clientAuth,
    });
  }

  /**
   * Accepts a signing request and issues a client certificate for its key.
   *
   * @throws SigningRequestError when the request is not acceptable
   */
  async issueAgentCertificate(
    csrPem: string,
    agent: { id: string; name: string },
  ): Promise<IssuedCertificate> {
    return this.issueAccepted(await this.accept(csrPem, agent.name), agent.id);
  }

  /** Issues a certificate for the agents' listener, with a key that only this process holds. */
  async issueServerCertificate(
    names: readonly string[],
  ): Promise<{ certificate: string; key: string; notAfter: Date }> {
    return this.#issueWithKey({
      subject: subject(names[0] ?? 'localhost', { O: 'EUCORA' }),
      days: SERVER_DAYS,
      usage: x509.ExtendedKeyUsage.serverAuth,
      names,
    });
  }

  /** Issues a certificate for a new key that signs evidence. */
  issueEvidenceCertificate(): Promise<{ certificate: string; key: string; notAfter: Date }> {
    return this.#issueWithKey({
      subject: subject('EUCORA evidence', { O: 'EUCORA' }, { OU: 'EUCORA Evidence' }),
      days: EVIDENCE_DAYS,
      usage: x509.ExtendedKeyUsage.codeSigning,
    });
  }

  async #issueWithKey(
    request: Omit<CertificateRequest, 'publicKey'>,
  ): Promise<{ certificate: string; key: string; notAfter: Date }> {
    const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const issued = await this.#issue({ ...request, publicKey: keys.publicKey });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
      .export({ type: 'pkcs8', format: 'pem' })
      .toString();
    return { certificate: issued.pem, key, notAfter: issued.notAfter };
  }

  async #issue(request: CertificateRequest): Promise<IssuedCertificate> {
    const serial = newSerial();
    // Certificates know whole seconds only.
    const second = (at: number): Date => new Date(Math.floor(at / 1_000) * 1_000);
    const notBefore = second(Date.now() - BACKDATE_MS);
    const notAfter = second(
      Math.min(Date.now() + request.days * DAY_MS, this.#certificate.notAfter.getTime()),
    );
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: request.subject,
      issuer: this.#certificate.subject,
      notBefore,
      notAfter,
      publicKey: request.publicKey,
      signingKey: this.#key,
      signingAlgorithm: ECDSA,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([request.usage]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
        ...(request.names === undefined
          ? []
          : [
              new x509.SubjectAlternativeNameExtension(
                request.names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
              ),
            ]),
      ],
    });
    const fingerprint = createHash('sha256').update(Buffer.from(certificate.rawData)).digest('hex');
    const { subject } = certificate;
    return { pem: certificate.toString('pem'), serial, fingerprint, subject, notBefore, notAfter };
  }
}

const agentSubject = (name: string, agentId: string): x509.Name =>
  subject(name, { O: AGENT_ORGANISATION }, { OU: agentId });

/**
 * A subject with a common name of at most 64 characters, as X.520 allows; whole ones, because half a surrogate pair
 * cannot be encoded. The type of values is named because the library reads some plain texts, such as `#05`, as
 * encoded values.
 */
function subject(name: string, ...others: Record<string, string>[]): x509.Name {
  const attributes = [{ CN: [...name].slice(0, 64).join('') }, ...others];
  return new x509.Name(
    attributes.map((attribute) =>
      Object.fromEntries(Object.entries(attribute).map(([type, utf8String]) => [type, [{ utf8String }]])),
    ),
  );
}

/** Whether certificate and key are there; throws when only one of them is, or when that cannot be found out. */
async function isComplete(dataDir: string): Promise<boolean> {
  const paths = CertificateAuthority.paths(dataDir);
  const look = () => Promise.all([isThere(paths.certificate), isThere(paths.key)]);
  let [certificate, key] = await look();
  // Both appear at once, perhaps between the two looks.
  if (certificate !== key) [certificate, key] = await look();
  if (certificate !== key) {
    const [there, missing] = certificate ? [paths.certificate, paths.key] : [paths.key, paths.certificate];
    throw new Error(
      `${there} is there, but ${missing} is not. Restore it from the backup; to begin anew with another CA, move the folder away`,
    );
  }
  return certificate;
}

function isThere(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code);

/** 127 random bits, positive. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
