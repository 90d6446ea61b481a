import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import {
  type DsseEnvelope,
  dsseEnvelopeSchema,
  preAuthenticationEncoding,
  serializeEnvelope,
} from '../contracts/packaging-pipeline/dsse.ts';
import { BYPRODUCTS, type Statement, statementSchema } from '../contracts/packaging-pipeline/evidence.ts';
import type { EvidenceCheck, EvidenceVerification } from '../contracts/packaging-pipeline/verification.ts';

/** Extended key usage of certificates that may sign evidence: code signing. */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
/** Tells the evidence key from others that the same authority signed. */
const EVIDENCE_UNIT = 'OU=EUCORA Evidence';

/** What the verifier trusts: a public key, or an authority that certifies evidence keys. */
export type Trust = { readonly key: string } | { readonly ca: string };

const FILE_NAMES = ['source', 'artifact', 'sbom', 'scan'] as const;
type FileName = (typeof FILE_NAMES)[number];
/** SHA-256 of files that somebody has, to be held against the document. */
export type Files = Partial<Record<FileName, string>>;

const DOCUMENT_CHECKS = ['form', 'signer', 'signature', 'statement', 'certificate', 'validity'] as const;

/** The document, or a file beside it, is not what was signed. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
}

export interface Judgement extends EvidenceVerification {
  /** What was signed; only there when every check passed. */
  readonly statement: Statement | undefined;
}

/** Verifies a document offline, byte for byte. @throws EvidenceError that says what is wrong */
export function verifyEvidence(document: string, trust: Trust, files: Files = {}): Statement {
  const { statement, checks } = judgeEvidence(document, trust, files);
  if (statement === undefined)
    throw new EvidenceError(checks.find(({ outcome }) => outcome === 'FAILED')?.reason);
  return statement;
}

/** The same, check by check; what cannot be looked at after one that failed is skipped. Never throws. */
export function judgeEvidence(document: string, trust: Trust, files: Files = {}): Judgement {
  const checks: EvidenceCheck[] = [];
  const look: Look = (check, examine) => {
    try {
      const { value, reason } = examine();
      checks.push({ check, outcome: 'PASSED', reason });
      return value;
    } catch (error) {
      // Node's cryptography has words of its own for damaged keys and certificates.
      const reason = error instanceof EvidenceError ? error.message : 'The document is damaged';
      checks.push({ check, outcome: 'FAILED', reason });
      return undefined;
    }
  };
  const statement = examineDocument(document, trust, look);
  const asked = FILE_NAMES.filter((name) => files[name] !== undefined);
  if (statement !== undefined) {
    for (const name of asked) look(name, () => compare(statement, name, files[name]));
  }
  for (const check of [...DOCUMENT_CHECKS, ...asked]) {
    if (checks.every((one) => one.check !== check))
      checks.push({
        check,
        outcome: 'SKIPPED',
        reason: 'Nothing can be said of it after what failed before',
      });
  }
  const verified = checks.every(({ outcome }) => outcome === 'PASSED');
  return { verified, checks, statement: verified ? statement : undefined };
}

/** Notes what an examination says; undefined when it failed. */
type Look = <T>(
  check: EvidenceCheck['check'],
  examine: () => { readonly value: T; readonly reason: string },
) => T | undefined;

/** @returns what was signed, if the whole document holds */
function examineDocument(document: string, trust: Trust, look: Look): Statement | undefined {
  const parts = look('form', () => {
    const value = partsOf(document);
    return { value, reason: 'A DSSE envelope, written byte for byte as it was signed' };
  });
  if (parts === undefined) return undefined;
  const { certificate, payloadType, payload, signature, keyid } = parts;
  const key = look('signer', () => {
    const value = 'key' in trust ? trustedKey(trust.key) : keyOf(certificate, trust.ca);
    if (keyId(value) !== keyid || keyId(certificate.publicKey) !== keyid)
      throw new EvidenceError('The document was signed with another key than the one that is trusted');
    return { value, reason: `By the trusted key ${keyid}` };
  });
  if (key === undefined) return undefined;
  const signed = look('signature', () => {
    if (!verify('sha256', preAuthenticationEncoding(payloadType, payload), key, signature))
      throw new EvidenceError('The signature does not fit the document: it was changed after it was signed');
    return { value: payload, reason: `It fits the ${payload.length} bytes that were signed` };
  });
  if (signed === undefined) return undefined;
  const statement = look('statement', () => {
    const value = readStatement(signed);
    const { package_name, package_version } = value.predicate.buildDefinition.externalParameters;
    return { value, reason: `SLSA provenance of ${package_name} ${package_version}` };
  });
  if (statement === undefined) return undefined;
  const named = look('certificate', () => {
    const value = sha256(certificate.raw);
    if (value !== statement.predicate.eucora.attested_by_certificate)
      throw new EvidenceError('The certificate in the document is not the one that the signer named');
    return { value, reason: `The signer named this certificate: ${value}` };
  });
  const held = look('validity', () => {
    const value = statement.predicate.runDetails.metadata.finishedOn;
    const signedAt = new Date(value);
    if (signedAt < new Date(certificate.validFrom) || signedAt > new Date(certificate.validTo))
      throw new EvidenceError('The certificate was not valid when the evidence was signed');
    return { value, reason: `Signed at ${value}, while the certificate was valid` };
  });
  return named === undefined || held === undefined ? undefined : statement;
}

interface Parts {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly keyid: string;
  readonly certificate: X509Certificate;
}

function partsOf(document: string): Parts {
  const { payloadType, payload, signatures } = readEnvelope(document);
  const [signature] = signatures;
  if (signature === undefined) throw new EvidenceError('The document bears no signature');
  return {
    payloadType,
    certificate: readCertificate(signature.cert),
    payload: decode(payload, 'The payload'),
    signature: decode(signature.sig, 'The signature'),
    keyid: signature.keyid,
  };
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

/** A file must be the one that the statement names. */
function compare({ subject, predicate }: Statement, name: FileName, hash: string | undefined) {
  const byproduct = (which: string) =>
    predicate.runDetails.byproducts.find((entry) => entry.name === which)?.digest.sha256;
  const named: Record<FileName, string | undefined> = {
    artifact: subject[0]?.digest.sha256,
    source: predicate.buildDefinition.resolvedDependencies[0]?.digest.sha256,
    sbom: byproduct(BYPRODUCTS.sbom),
    scan: byproduct(BYPRODUCTS.scan),
  };
  if (named[name] !== hash)
    throw new EvidenceError(
      `The ${name} is not the one of this evidence: its SHA-256 is ${hash}, not ${named[name] ?? 'named there'}`,
    );
  return { value: hash, reason: `The one of this evidence: SHA-256 ${hash}` };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const keyId = (key: KeyObject): string => sha256(key.export({ type: 'spki', format: 'der' }));
