import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
}

/** A certificate authority for tests: its own certificate, one for the server, any for agents. */
export class TestAuthority {
  readonly #certificate: X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly server: { readonly cert: string; readonly key: string };

  private constructor(
    certificate: X509Certificate,
    key: webcrypto.CryptoKey,
    server: { cert: string; key: string },
  ) {
    this.#certificate = certificate;
    this.#key = key;
    this.server = server;
  }

  static async create(): Promise<TestAuthority> {
    const keys = await newKeys();
    const now = Date.now();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: 'CN=Test CA',
      keys,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + 100 * DAY_MS),
      extensions: [
        new BasicConstraintsExtension(true, 1, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    });
    const serverKeys = await newKeys();
    const server = await X509CertificateGenerator.create({
      subject: 'CN=localhost',
      issuer: certificate.subject,
      publicKey: serverKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      serialNumber: `01${randomBytes(8).toString('hex')}`,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + 50 * DAY_MS),
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    });
    return new TestAuthority(certificate, keys.privateKey, {
      cert: server.toString('pem'),
      key: await pemOf(serverKeys.privateKey),
    });
  }

  get pem(): string {
    return `${this.#certificate.toString('pem')}\n`;
  }

  /** Issues what a CSR asks for; throws when its signature is wrong. */
  async issue(
    csr: string,
    agentId: string,
    validity: { fromMs: number; toMs: number },
  ): Promise<{ pem: string; notAfter: Date }> {
    const request = new Pkcs10CertificateRequest(csr);
    if (!(await request.verify())) throw new Error('The CSR is not signed by its key');
    const notAfter = new Date(Date.now() + validity.toMs);
    const certificate = await X509CertificateGenerator.create({
      subject: [{ CN: ['agent'] }, { O: ['EUCORA Agents'] }, { OU: [agentId] }],
      issuer: this.#certificate.subject,
      publicKey: request.publicKey,
      signingKey: this.#key,
      signingAlgorithm: ALGORITHM,
      serialNumber: `01${randomBytes(8).toString('hex')}`,
      notBefore: new Date(Date.now() + validity.fromMs),
      notAfter,
    });
    return { pem: `${certificate.toString('pem')}\n`, notAfter };
  }
}
