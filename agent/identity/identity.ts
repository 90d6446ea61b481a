import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { agentConfigurationSchema } from '../../contracts/agent/enrolment.ts';
import { fingerprintSchema } from './hardware.ts';

/** Who this agent is, in one private file, so that key and certificate never disagree. */
export const identitySchema = z.object({
  agent_id: z.uuid(),
  private_key: z.string(),
  certificate: z.string(),
  ca_chain: z.string(),
  not_after: z.string(),
  hardware_id: z.string(),
  fingerprint: fingerprintSchema,
  configuration: agentConfigurationSchema,
});
export type Identity = z.infer<typeof identitySchema>;

/** The last change of identity; one that was only begun is repeated with its salt, to get the same identity. */
export const reenrolmentSchema = z.object({
  salt: z.string(),
  at: z.iso.datetime(),
  /** The new identity is in place, and what belonged to the old one is gone. */
  done: z.boolean(),
  /** The identity that is left. */
  leaving: z.string().optional(),
});
export type Reenrolment = z.infer<typeof reenrolmentSchema>;

export interface Validity {
  readonly from: number;
  readonly to: number;
}

/** When a certificate holds, in milliseconds since 1970. */
export function validityOf(certificate: string): Validity {
  const parsed = new X509Certificate(certificate);
  return { from: Date.parse(parsed.validFrom), to: Date.parse(parsed.validTo) };
}

/** Whether less than a third of the certificate's life is left. */
export function isRenewalDue({ from, to }: Validity, now: number): boolean {
  return to - now < (to - from) / 3;
}
