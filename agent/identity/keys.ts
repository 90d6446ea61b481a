import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { Name, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

export interface KeyWithRequest {
  /** PKCS#8, PEM; stays on this machine. */
  readonly privateKey: string;
  /** PKCS#10, PEM. */
  readonly csr: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A value as it stands; given as plain text it would be raw DER where it begins with #, or unescaped. */
const literal = (value: string) => [{ utf8String: value.toWellFormed() }];

/** Makes a new ECDSA P-256 key and the request to certify it. The platform decides on the final subject. */
export async function makeKey(hostname: string, agentId?: string): Promise<KeyWithRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: new Name([
      // X.509 bounds a common name to 64 characters.
      { CN: literal([...hostname].slice(0, 64).join('')) },
      { O: literal('EUCORA Agents') },
      ...(agentId === undefined ? [] : [{ OU: literal(agentId) }]),
    ]),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    csr: request.toString('pem'),
  };
}
