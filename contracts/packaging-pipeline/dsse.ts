import { z } from 'zod';

/** Dead Simple Signing Envelope, version 1, as in-toto uses it. */

export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export const dsseEnvelopeSchema = z
  .strictObject({
    payloadType: z.literal(IN_TOTO_PAYLOAD_TYPE),
    payload: z.string().meta({ description: 'The statement, in base64' }),
    signatures: z
      .array(
        z.strictObject({
          keyid: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .meta({ description: 'SHA-256 of the public key (SubjectPublicKeyInfo, DER)' }),
          sig: z.string().meta({ description: 'Over the pre-authentication encoding, in base64' }),
          cert: z.string().meta({ description: 'Certificate of the signer, PEM' }),
        }),
      )
      .length(1),
  })
  .meta({ id: 'DsseEnvelope' });
export type DsseEnvelope = z.infer<typeof dsseEnvelopeSchema>;

/** The bytes that are signed: type and payload with their lengths, so that neither can pass for the other. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The one form in which an envelope is written, so that each of its bytes matters. */
export function serializeEnvelope(envelope: DsseEnvelope): string {
  const { payloadType, payload, signatures } = envelope;
  return `${JSON.stringify({
    payloadType,
    payload,
    signatures: signatures.map(({ keyid, sig, cert }) => ({ keyid, sig, cert })),
  })}\n`;
}
