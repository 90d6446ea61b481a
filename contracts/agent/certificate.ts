import { z } from 'zod';
import { instantSchema, pageQuery } from '../http/common.ts';

/** A certificate of an agent, as the platform's authority noted it. */
export const agentCertificateSchema = z
  .object({
    serial: z.string().meta({ description: 'Hexadecimal' }),
    fingerprint_sha256: z.string().meta({ description: 'SHA-256 over the DER form, hexadecimal' }),
    subject: z
      .string()
      .nullable()
      .meta({ description: 'Null where the certificate was issued before subjects were noted' }),
    not_before: instantSchema.nullable().meta({ description: 'Null where it was not noted' }),
    not_after: instantSchema,
    issued_at: instantSchema,
  })
  .meta({
    id: 'AgentCertificate',
    description: 'Renewal leaves the certificates before valid until they expire, or the agent is revoked',
  });
export type AgentCertificate = z.infer<typeof agentCertificateSchema>;

export const agentCertificateListQuery = pageQuery;
export type AgentCertificateListQuery = z.infer<typeof agentCertificateListQuery>;

const DAY_MS = 86_400_000;
/** Agents renew when a third of the life is left; what has less than this part left was not renewed in time. */
const OVERDUE_PART = 6;

/** How long a certificate still holds, for those who should act. */
export function standingOf(
  { not_after, not_before, issued_at }: AgentCertificate,
  now: number,
): { readonly state: 'VALID' | 'EXPIRES_SOON' | 'EXPIRED'; readonly daysLeft: number } {
  const left = Date.parse(not_after) - now;
  const life = Date.parse(not_after) - Date.parse(not_before ?? issued_at);
  const state = left <= 0 ? 'EXPIRED' : left < life / OVERDUE_PART ? 'EXPIRES_SOON' : 'VALID';
  return { state, daysLeft: Math.max(0, Math.floor(left / DAY_MS)) };
}
