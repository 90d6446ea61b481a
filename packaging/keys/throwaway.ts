import { createPrivateKey, webcrypto } from 'node:crypto';
import { x509 } from '../../runtime/certificates/x509.ts';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/** A self-signed certificate and its key, PEM, for signatures that are thrown away. */
export async function makeThrowaway(dates: {
  readonly from: Date;
  readonly to: Date;
}): Promise<{ certificate: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Nobody',
    notBefore: dates.from,
    notAfter: dates.to,
    keys,
    signingAlgorithm: ECDSA,
    extensions: [new x509.ExtendedKeyUsageExtension([CODE_SIGNING])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate: certificate.toString('pem'),
    key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
      .export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  };
}
