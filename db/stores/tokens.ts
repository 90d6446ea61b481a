import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Kinds of secret that the platform gives out; the prefix lets scanners and people tell them. */
export type TokenKind = 'enrol' | 'op';

/** A new secret of 256 bits. */
export function newToken(kind: TokenKind): string {
  return `eucora_${kind}_${randomBytes(32).toString('base64url')}`;
}

/** What is kept of a secret. A plain hash suffices, because the secret is random and long. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Compares in constant time. */
export function matchesHash(token: string, hash: Buffer): boolean {
  const own = hashToken(token);
  return own.length === hash.length && timingSafeEqual(own, hash);
}
