import { readFile } from 'node:fs/promises';
import { makeKey } from '../../../agent/identity/keys.ts';
import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';
import { CertificatePress } from '../../enrolment/certificate-press.ts';

const STENCIL = { id: '00000000-0000-4000-8000-000000000000', hostname: 'bench' } as const;

/** Certificates for very many agents, as good as issued ones, save that all are for one key. */
export class CertificateMill {
  /** The key of all certificates, PEM. */
  readonly key: string;
  readonly caPem: string;
  readonly #press: CertificatePress;

  private constructor(key: string, caPem: string, press: CertificatePress) {
    this.key = key;
    this.caPem = caPem;
    this.#press = press;
  }

  /** @param dataDir of a platform, with its CA */
  static async open(dataDir: string): Promise<CertificateMill> {
    const authority = await CertificateAuthority.open(dataDir);
    const authorityKey = await readFile(CertificateAuthority.paths(dataDir).key, 'utf8');
    const { privateKey, csr } = await makeKey(STENCIL.hostname);
    const issued = await authority.issueAgentCertificate(csr, { id: STENCIL.id, name: STENCIL.hostname });
    const press = new CertificatePress(issued.pem, STENCIL, authorityKey);
    return new CertificateMill(privateKey, authority.certificatePem, press);
  }

  /** The certificate of an agent, DER. */
  issue(agentId: string): Buffer {
    return this.#press.print({ id: agentId, hostname: STENCIL.hostname }).der;
  }
}

/** PEM of a certificate in DER. */
export function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
