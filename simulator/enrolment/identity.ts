import { type KeyWithRequest, makeKey } from '../../agent/identity/keys.ts';

export interface EnrolledIdentity {
  readonly id: string;
  /** DER. */
  readonly certificate: Buffer;
  readonly keyIndex: number;
}

/** Keys of a simulated fleet are shared: making one takes longer than everything else in an enrolment. */
const SHARED_KEYS = 8;

export function makeSharedKeys(): Promise<KeyWithRequest[]> {
  return Promise.all(Array.from({ length: SHARED_KEYS }, (_, index) => makeKey(`simulated-key-${index}`)));
}
