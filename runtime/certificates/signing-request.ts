import type { webcrypto } from 'node:crypto';
import { x509 } from './x509.ts';

/** A certificate signing request that will not be signed; the message says why, for the caller. */
export class SigningRequestError extends Error {
  override readonly name = 'SigningRequestError';
}

const MIN_RSA_BITS = 2_048;
/** Larger keys only cost the listener time. */
const MAX_RSA_BITS = 8_192;

/**
 * Checks form, key and proof of possession of a PKCS#10 request in PEM.
 *
 * @returns the public key to certify
 * @throws SigningRequestError
 */
export async function checkSigningRequest(pem: string): Promise<webcrypto.CryptoKey> {
  const request = parse(pem);
  checkKey(readable(() => request.publicKey.algorithm as KeyAlgorithm));
  const proven = await request.verify().catch(() => false);
  if (!proven) throw new SigningRequestError('The signature of the request does not fit its key');
  return request.publicKey.export().catch(() => {
    throw unreadable();
  });
}

interface KeyAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly modulusLength?: number;
}

function checkKey(key: KeyAlgorithm): void {
  if (key.name === 'ECDSA' || key.name === 'ECDH') {
    if (key.namedCurve !== 'P-256') throw new SigningRequestError('An ECDSA key must be on the curve P-256');
  } else if (key.name.startsWith('RSA')) {
    const bits = key.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)
      throw new SigningRequestError(`An RSA key must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`);
  } else {
    throw new SigningRequestError('The key must be RSA with 2048 bits or more, or ECDSA on P-256');
  }
}

function parse(pem: string): x509.Pkcs10CertificateRequest {
  if (!pem.includes('-----BEGIN'))
    throw new SigningRequestError(
      'The request must be PEM, beginning with -----BEGIN CERTIFICATE REQUEST-----',
    );
  return readable(() => new x509.Pkcs10CertificateRequest(pem));
}

/** Whatever the library throws at the sight of a request is the request's fault. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw unreadable();
  }
}

function unreadable(): SigningRequestError {
  return new SigningRequestError('The request is not a PKCS#10 certificate signing request');
}
