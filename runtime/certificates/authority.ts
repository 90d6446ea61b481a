import { createHash, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writePrivateFile } from '../files.ts';
import { checkSigningRequest } from './signing-request.ts';
import { x509 } from './x509.ts';

const CA_YEARS = 20;
const AGENT_DAYS = 365;
const SERVER_DAYS = 397;
/** Certificates begin a little in the past, for machines whose clocks are behind. */
const BACKDATE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Organisation in the subject of every agent certificate. */
export const AGENT_ORGANISATION = 'EUCORA Agents';

export interface IssuedCertificate {
  readonly pem: string;
  readonly serial: string;
  /** SHA-256 over the DER form, hex. */
  readonly fingerprint: string;
  readonly notAfter: Date;
}

/** The platform's own certification authority: issues certificates for agents and for the agents' listener. */
export class CertificateAuthority {
  readonly certificatePem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificatePem: string, key: webcrypto.CryptoKey) {
    this.certificatePem = certificatePem;
    this.#certificate = new x509.X509Certificate(certificatePem);
    this.#key = key;
  }

  static paths(dataDir: string): { certificate: string; key: string } {
    return { certificate: join(dataDir, 'ca', 'ca.pem'), key: join(dataDir, 'ca', 'ca-key.pem') };
  }

  /** Opens the authority in a data directory; fails when it has not been made. */
  static async open(dataDir: string): Promise<CertificateAuthority> {
    const paths = CertificateAuthority.paths(dataDir);
    const [certificate, key] = await Promise.all([
      readFile(paths.certificate, 'utf8'),
      readFile(paths.key, 'utf8'),
    ]).catch((error: unknown) => {
      throw new Error(`There is no certification authority in ${dataDir}; run the setup first`, {
        cause: error,
      });
    });
    const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
    return new CertificateAuthority(
      certificate,
      await webcrypto.subtle.importKey('pkcs8', der, ECDSA, false, ['sign']),
    );
  }

  /** Makes the authority of a data directory unless it is there. @returns whether it was made */
  static async ensure(dataDir: string): Promise<boolean> {
    const paths = CertificateAuthority.paths(dataDir);
    if (
      await readFile(paths.key).then(
        () => true,
        () => false,
      )
    )
      return false;
    await mkdir(join(dataDir, 'ca'), { recursive: true, mode: 0o755 });
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
    // The key last: it is what tells that the authority is whole.
    await writePrivateFile(paths.certificate, certificate.toString('pem'), 0o644);
    await writePrivateFile(
      paths.key,
      createPrivateKey({ key, format: 'der', type: 'pkcs8' })
        .export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    );
    return true;
  }

  /**
   * Issues a client certificate for the key of a signing request; nothing else of the request is taken over.
   *
   * @throws SigningRequestError when the request is not acceptable
   */
  async issueAgentCertificate(
    csrPem: string,
    agent: { id: string; name: string },
  ): Promise<IssuedCertificate> {
    const publicKey = await checkSigningRequest(csrPem);
    return this.#issue({
      subject: [{ CN: [commonName(agent.name)] }, { O: [AGENT_ORGANISATION] }, { OU: [agent.id] }],
      days: AGENT_DAYS,
      publicKey,
      usage: x509.ExtendedKeyUsage.clientAuth,
    });
  }

  /** Issues a certificate for the agents' listener, with a key that only this process holds. */
  async issueServerCertificate(
    names: readonly string[],
  ): Promise<{ certificate: string; key: string; notAfter: Date }> {
    const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const issued = await this.#issue({
      subject: [{ CN: [commonName(names[0] ?? 'localhost')] }, { O: ['EUCORA'] }],
      days: SERVER_DAYS,
      publicKey: keys.publicKey,
      usage: x509.ExtendedKeyUsage.serverAuth,
      names,
    });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
      .export({ type: 'pkcs8', format: 'pem' })
      .toString();
    return { certificate: issued.pem, key, notAfter: issued.notAfter };
  }

  async #issue(request: {
    subject: x509.JsonName;
    days: number;
    publicKey: webcrypto.CryptoKey;
    usage: x509.ExtendedKeyUsage;
    names?: readonly string[];
  }): Promise<IssuedCertificate> {
    const serial = newSerial();
    const notAfter = new Date(
      Math.min(Date.now() + request.days * DAY_MS, this.#certificate.notAfter.getTime()),
    );
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: request.subject,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - BACKDATE_MS),
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
    return { pem: certificate.toString('pem'), serial, fingerprint, notAfter };
  }
}

/** X.520 allows 64 characters; whole ones, because half a surrogate pair cannot be encoded. */
function commonName(name: string): string {
  return [...name].slice(0, 64).join('');
}

/** 127 random bits, positive. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
