import { createHash, createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  IN_TOTO_PAYLOAD_TYPE,
  preAuthenticationEncoding,
  serializeEnvelope,
} from '../../../contracts/packaging-pipeline/dsse.ts';
import type { Statement } from '../../../contracts/packaging-pipeline/evidence.ts';

const DAY_MS = 86_400_000;

/** A statement before it is known whose certificate goes with it. */
export type UnsignedStatement = Omit<Statement, 'predicate'> & {
  readonly predicate: Omit<Statement['predicate'], 'eucora'> & {
    readonly eucora: Omit<Statement['predicate']['eucora'], 'attested_by_certificate'>;
  };
};

/** Signs evidence with a key of its own, which is neither a package key nor the CA's. */
export class EvidenceSigner {
  /** SHA-256 of the certificate's DER form, hex. */
  readonly thumbprint: string;
  readonly #certificate: X509Certificate;
  readonly #key: KeyObject;
  readonly #keyId: string;

  constructor(certificatePem: string | Buffer, keyPem: string | Buffer) {
    this.#certificate = new X509Certificate(certificatePem);
    this.#key = createPrivateKey(keyPem);
    if (!this.#certificate.checkPrivateKey(this.#key))
      throw new Error('The evidence key is not the key of the evidence certificate');
    this.thumbprint = createHash('sha256').update(this.#certificate.raw).digest('hex');
    const spki = this.#certificate.publicKey.export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(spki).digest('hex');
  }

  static async open(certificateFile: string, keyFile: string): Promise<EvidenceSigner> {
    const [certificate, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
    return new EvidenceSigner(certificate, key);
  }

  /** Days until the certificate ends, negative when it has. */
  daysLeft(now = Date.now()): number {
    return Math.floor((Date.parse(this.#certificate.validTo) - now) / DAY_MS);
  }

  /** The statement as a signed document: a DSSE envelope, in the one form in which it is written. */
  seal(statement: UnsignedStatement): string {
    const { predicate } = statement;
    const eucora = { ...predicate.eucora, attested_by_certificate: this.thumbprint };
    const whole: Statement = { ...statement, predicate: { ...predicate, eucora } };
    const payload = Buffer.from(JSON.stringify(whole));
    const signed = preAuthenticationEncoding(IN_TOTO_PAYLOAD_TYPE, payload);
    return serializeEnvelope({
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      payload: payload.toString('base64'),
      signatures: [
        {
          keyid: this.#keyId,
          sig: sign('sha256', signed, this.#key).toString('base64'),
          cert: this.#certificate.toString(),
        },
      ],
    });
  }
}
