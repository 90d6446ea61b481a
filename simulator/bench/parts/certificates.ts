import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';
import { x509 } from '../../../runtime/certificates/x509.ts';

const PLACEHOLDER = '00000000-0000-4000-8000-000000000000';

/** A P-256 key in PEM and a signing request for it. */
export async function newKeyAndRequest(): Promise<{ key: string; csr: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey(
      'pkcs8',
      pair.privateKey.export({ type: 'pkcs8', format: 'der' }),
      algorithm,
      true,
      ['sign'],
    ),
    publicKey: await webcrypto.subtle.importKey(
      'spki',
      pair.publicKey.export({ type: 'spki', format: 'der' }),
      algorithm,
      true,
      ['verify'],
    ),
  };
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=bench',
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    csr: csr.toString('pem'),
  };
}

/**
 * Certificates for very many agents, as the platform would have issued them, save that all are for one key: the CA
 * issues one, the others are copies with another agent's id, signed anew.
 */
export class CertificateMill {
  /** The key of all certificates, PEM. */
  readonly key: string;
  readonly caPem: string;
  readonly #caKey: KeyObject;
  readonly #body: Buffer;
  readonly #algorithm: Buffer;
  readonly #idAt: number;

  private constructor(key: string, caPem: string, caKey: KeyObject, der: Buffer) {
    this.key = key;
    this.caPem = caPem;
    this.#caKey = caKey;
    const body = readElement(der, readElement(der, 0).contentAt);
    this.#body = der.subarray(body.at, body.end);
    const algorithm = readElement(der, body.end);
    this.#algorithm = der.subarray(algorithm.at, algorithm.end);
    this.#idAt = this.#body.indexOf(PLACEHOLDER);
  }

  /** @param dataDir of a platform, with its CA */
  static async open(dataDir: string): Promise<CertificateMill> {
    const authority = await CertificateAuthority.open(dataDir);
    const { key, csr } = await newKeyAndRequest();
    const issued = await authority.issueAgentCertificate(csr, { id: PLACEHOLDER, name: 'bench' });
    const caKey = createPrivateKey(await readFile(CertificateAuthority.paths(dataDir).key));
    const der = Buffer.from(new x509.X509Certificate(issued.pem).rawData);
    return new CertificateMill(key, authority.certificatePem, caKey, der);
  }

  /** The certificate of an agent, DER. */
  issue(agentId: string): Buffer {
    const body = Buffer.from(this.#body);
    body.write(agentId, this.#idAt, 'latin1');
    const signature = sign('sha256', body, this.#caKey);
    return element(0x30, body, this.#algorithm, element(0x03, Buffer.of(0), signature));
  }
}

/** Where an element of DER begins, its content begins, and it ends. */
function readElement(der: Buffer, at: number): { at: number; contentAt: number; end: number } {
  const first = der[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const contentAt = at + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  return { at, contentAt, end: contentAt + length };
}

function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), ...parts]);
}

/** PEM of a certificate in DER. */
export function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
