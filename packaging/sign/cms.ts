import { createHash } from 'node:crypto';
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  id_contentType,
  id_data,
  id_messageDigest,
  id_signedData,
  id_signingTime,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms';
import {
  AsnConvert,
  AsnObjectIdentifierConverter,
  AsnUTCTimeConverter,
  OctetString,
} from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';
import type { X509Signer } from '../keys/x509-signer.ts';

const SHA256 = '2.16.840.1.101.3.4.2.1';
const NULL = new Uint8Array([5, 0]).buffer;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const digestAlgorithm = () => new AlgorithmIdentifier({ algorithm: SHA256, parameters: NULL });

/** What is signed: bytes that lie elsewhere, or structured content that goes into the signature itself. */
export type CmsContent =
  | { readonly detached: Buffer }
  | {
      readonly type: string;
      /** DER of the content. */
      readonly der: Buffer;
      /** What of it is hashed: Authenticode leaves out the outer tag and length. */
      readonly hashed: Buffer;
    };

export interface CmsAttribute {
  readonly type: string;
  /** DER of its single value. */
  readonly value: Buffer;
}

const exactBuffer = (bytes: Buffer): ArrayBuffer => Uint8Array.from(bytes).buffer;
const derOf = (attribute: Attribute): Buffer => Buffer.from(AsnConvert.serialize(attribute));

function attributes(content: CmsContent, at: Date, extra: readonly CmsAttribute[]): Attribute[] {
  const type = 'detached' in content ? id_data : content.type;
  const digest = sha256('detached' in content ? content.detached : content.hashed);
  const made = [
    new Attribute({
      attrType: id_contentType,
      attrValues: [AsnObjectIdentifierConverter.toASN(type).toBER(false)],
    }),
    new Attribute({
      attrType: id_signingTime,
      attrValues: [AsnUTCTimeConverter.toASN(at).toBER(false)],
    }),
    new Attribute({
      attrType: id_messageDigest,
      attrValues: [AsnConvert.serialize(new OctetString(exactBuffer(digest)))],
    }),
    ...extra.map(
      ({ type: attrType, value }) => new Attribute({ attrType, attrValues: [exactBuffer(value)] }),
    ),
  ];
  // DER orders the members of a set by their bytes.
  return made.sort((a, b) => Buffer.compare(derOf(a), derOf(b)));
}

/** The attributes as they are signed: as a set with its own tag, not the one that they have in the signature. */
function signedBytes(sorted: readonly Attribute[]): Buffer {
  const body = Buffer.concat(sorted.map(derOf));
  const { length } = body;
  const header =
    length < 128
      ? [0x31, length]
      : length < 256
        ? [0x31, 0x81, length]
        : [0x31, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

/** A CMS SignedData in DER with one signature, SHA-256, and the signer's certificates. */
export async function signCms(
  content: CmsContent,
  signer: Pick<X509Signer, 'certificate' | 'chainDer' | 'keyType' | 'sign'>,
  at: Date,
  extra: readonly CmsAttribute[] = [],
): Promise<Buffer> {
  const certificates = signer.chainDer.map((der) => AsnConvert.parse(der, Certificate));
  const own = AsnConvert.parse(signer.certificate.raw, Certificate);
  const signedAttrs = attributes(content, at, extra);
  const signature = await signer.sign(signedBytes(signedAttrs));
  const algorithm =
    signer.keyType === 'rsa'
      ? new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.1', parameters: NULL })
      : new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
  const signedData = new SignedData({
    version: 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([digestAlgorithm()]),
    encapContentInfo:
      'detached' in content
        ? new EncapsulatedContentInfo({ eContentType: id_data })
        : new EncapsulatedContentInfo({
            eContentType: content.type,
            eContent: new EncapsulatedContent({ any: exactBuffer(content.der) }),
          }),
    certificates: new CertificateSet(
      certificates.map((certificate) => new CertificateChoices({ certificate })),
    ),
    signerInfos: new SignerInfos([
      new SignerInfo({
        version: 1,
        sid: new SignerIdentifier({
          issuerAndSerialNumber: new IssuerAndSerialNumber({
            issuer: own.tbsCertificate.issuer,
            serialNumber: own.tbsCertificate.serialNumber,
          }),
        }),
        digestAlgorithm: digestAlgorithm(),
        signedAttrs,
        signatureAlgorithm: algorithm,
        signature: new OctetString(exactBuffer(signature)),
      }),
    ]),
  });
  return Buffer.from(
    AsnConvert.serialize(
      new ContentInfo({ contentType: id_signedData, content: AsnConvert.serialize(signedData) }),
    ),
  );
}
