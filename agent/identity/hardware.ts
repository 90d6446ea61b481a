import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * What tells a machine from its clone, each part hashed so that neither the state on disk nor the wire gives
 * serial numbers away. Parts that the system does not tell (or not to this user) are null.
 */
export const fingerprintSchema = z.object({
  machine_id: z.string().nullable(),
  product_uuid: z.string().nullable(),
  macs: z.array(z.string()),
});
export type Fingerprint = z.infer<typeof fingerprintSchema>;

/** The parts as the system gives them. */
export interface HardwareFacts {
  readonly machineId: string | undefined;
  readonly productUuid: string | undefined;
  readonly macs: readonly string[];
}

const hash = (text: string): string =>
  createHash('sha256').update(`eucora:${text}`).digest('hex').slice(0, 32);
const part = (value: string | undefined): string | null => {
  const text = value?.trim().toLowerCase() ?? '';
  return text === '' ? null : hash(text);
};

/** Addresses that software made up change with every start of a container; they count only if there is no other. */
const isUniversal = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 2) === 0;

export function fingerprintOf(facts: HardwareFacts): Fingerprint {
  const macs = [...new Set(facts.macs.map((mac) => mac.toLowerCase()))]
    .filter((mac) => /[1-9a-f]/.test(mac))
    .sort();
  const universal = macs.filter(isUniversal);
  return {
    machine_id: part(facts.machineId),
    product_uuid: part(facts.productUuid),
    macs: (universal.length > 0 ? universal : macs).map(hash),
  };
}

/**
 * Whether both were taken on one machine. A replaced network card or a new installation of the system changes
 * one part and not the machine; only when more of the parts known on both sides differ than agree is it another.
 */
export function sameMachine(stored: Fingerprint, present: Fingerprint): boolean {
  const votes: boolean[] = [];
  for (const name of ['machine_id', 'product_uuid'] as const) {
    if (stored[name] !== null && present[name] !== null) votes.push(stored[name] === present[name]);
  }
  if (stored.macs.length > 0 && present.macs.length > 0) {
    votes.push(stored.macs.some((mac) => present.macs.includes(mac)));
  }
  const agreeing = votes.filter((vote) => vote).length;
  return agreeing >= votes.length - agreeing;
}

/** The machine's name on the wire. `salt` sets clones apart whose hardware looks alike. */
export function hardwareId(fingerprint: Fingerprint, salt = ''): string {
  const { machine_id, product_uuid, macs } = fingerprint;
  return `hw-${hash([machine_id, product_uuid, macs[0] ?? null, salt].join('|'))}`;
}
