import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import {
  type DsseEnvelope,
  dsseEnvelopeSchema,
  preAuthenticationEncoding,
  serializeEnvelope,
} from '../../contracts/packaging-pipeline/dsse.ts';
import { BYPRODUCTS, type Statement, statementSchema } from '../../contracts/packaging-pipeline/evidence.ts';

/** Extended key usage of certificates that may sign evidence: code signing. */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
/** Tells the evidence key from others that the same authority signed. */
const EVIDENCE_UNIT = 'OU=EUCORA Evidence';

/** What the verifier trusts: a public key, or an authority that certifies evidence keys. */
export type Trust = { readonly key: string } | { readonly ca: string };

/** SHA-256 of files that a person has, to be held against the document. */
export type Files = Partial<Record<'source' | 'artifact' | 'sbom' | 'scan', string>>;

/** The document, or a file beside it, is not what was signed. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
}

/** Verifies a document offline, byte for byte. @throws EvidenceError that says what is wrong */
export function verifyEvidence(document: string, trust: Trust, files: Files = {}): Statement {
  try {
    return examine(document, trust, files);
  } catch (error) {
    if (error instanceof EvidenceError) throw error;
    // Node's cryptography has words of its own for damaged keys and certificates.
    throw new EvidenceError('The document is damaged', { cause: error });
  }
}

function examine(document: string, trust: Trust, files: Files): Statement {
  const envelope = readEnvelope(document);
  const [signature] = envelope.signatures;
  if (signature === undefined) throw new EvidenceError('The document bears no signature');
  const certificate = readCertificate(signature.cert);
  const payload = decode(envelope.payload, 'The payload');
  const sig = decode(signature.sig, 'The signature');
  const key = 'key' in trust ? trustedKey(trust.key) : keyOf(certificate, trust.ca);
  if (keyId(key) !== signature.keyid || keyId(certificate.publicKey) !== signature.keyid)
    throw new EvidenceError('The document was signed with another key than the one that is trusted');
  if (!verify('sha256', preAuthenticationEncoding(envelope.payloadType, payload), key, sig))
    throw new EvidenceError('The signature does not fit the document: it was changed after it was signed');
  const statement = readStatement(payload);
  const { attested_by_certificate } = statement.predicate.eucora;
  if (sha256(certificate.raw) !== attested_by_certificate)
    throw new EvidenceError('The certificate in the document is not the one that the signer named');
  const signedAt = new Date(statement.predicate.runDetails.metadata.finishedOn);
  if (signedAt < new Date(certificate.validFrom) || signedAt > new Date(certificate.validTo))
    throw new EvidenceError('The certificate was not valid when the evidence was signed');
  compare(statement, files);
  return statement;
}

function readEnvelope(document: string): DsseEnvelope {
  let json: unknown;
  try {
    json = JSON.parse(document);
  } catch {
    throw new EvidenceError('The document is no JSON');
  }
  const parsed = dsseEnvelopeSchema.safeParse(json);
  if (!parsed.success) throw new EvidenceError('The document is no DSSE envelope of an in-toto statement');
  // Whatever a reader would pass over, such as a space, is a change as well.
  if (serializeEnvelope(parsed.data) !== document)
    throw new EvidenceError('The document is not written as it was signed: something was changed in it');
  return parsed.data;
}

function decode(base64: string, what: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw new EvidenceError(`${what} is no proper base64`);
  return bytes;
}

function readCertificate(pem: string): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new EvidenceError('The certificate in the document cannot be read');
  }
  if (certificate.toString() !== pem)
    throw new EvidenceError('The certificate in the document is not written as it was signed');
  return certificate;
}

function trustedKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new EvidenceError('The trusted key cannot be read: give a public key or a certificate as PEM');
  }
}

/** The certificate's key, if the authority certified it for evidence. */
function keyOf(certificate: X509Certificate, caPem: string): KeyObject {
  let ca: X509Certificate;
  try {
    ca = new X509Certificate(caPem);
  } catch {
    throw new EvidenceError('The authority cannot be read: give its certificate as PEM');
  }
  if (!ca.ca || !certificate.checkIssued(ca) || !certificate.verify(ca.publicKey))
    throw new EvidenceError('The certificate in the document does not come from the trusted authority');
  const forEvidence =
    certificate.keyUsage?.includes(CODE_SIGNING) === true &&
    certificate.subject.split('\n').includes(EVIDENCE_UNIT);
  if (!forEvidence)
    throw new EvidenceError('The certificate in the document was not issued for signing evidence');
  return certificate.publicKey;
}

function readStatement(payload: Buffer): Statement {
  try {
    return statementSchema.parse(JSON.parse(payload.toString('utf8')));
  } catch {
    throw new EvidenceError('What was signed is no statement of a packaging pipeline');
  }
}

/** Each file must be the one that the statement names. */
function compare({ subject, predicate }: Statement, files: Files): void {
  const { resolvedDependencies } = predicate.buildDefinition;
  const byproduct = (name: string) =>
    predicate.runDetails.byproducts.find((entry) => entry.name === name)?.digest.sha256;
  const named: Record<keyof Files, string | undefined> = {
    artifact: subject[0]?.digest.sha256,
    source: resolvedDependencies[0]?.digest.sha256,
    sbom: byproduct(BYPRODUCTS.sbom),
    scan: byproduct(BYPRODUCTS.scan),
  };
  for (const [part, hash] of Object.entries(files) as [keyof Files, string][]) {
    if (named[part] !== hash)
      throw new EvidenceError(
        `The ${part} is not the one of this evidence: its SHA-256 is ${hash}, not ${named[part] ?? 'named there'}`,
      );
  }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const keyId = (key: KeyObject): string => sha256(key.export({ type: 'spki', format: 'der' }));
