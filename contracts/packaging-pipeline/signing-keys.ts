import { z } from 'zod';
import { text } from '../http/common.ts';

/**
 * The file that says where signing keys are. It names files and commands, never secrets; relative paths count from
 * its own folder. Several keys of one reference and kind are a rotation: the newest that is valid signs, and what the
 * others signed still verifies.
 */
const path = text(4_096);

export const keyReferenceSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);

/** Bytes to sign on stdin, the signature on stdout, nothing else; runs without shell, with network. */
const command = z.array(text(4_096)).min(1).max(64);

/** For deb and rpm. */
const openPgpKey = z.strictObject({
  reference: keyReferenceSchema,
  kind: z.literal('openpgp'),
  secret: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('file').meta({ description: 'Armored secret key' }),
      path,
      passphrase_file: path.optional(),
    }),
    z.strictObject({
      type: z.literal('command').meta({ description: 'Makes a binary detached OpenPGP signature' }),
      command,
      public_key: path,
    }),
  ]),
});

/** For msi (`code-signing`) and macOS packages (`installer`). */
const x509Key = z.strictObject({
  reference: keyReferenceSchema,
  kind: z.enum(['code-signing', 'installer']),
  secret: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('pkcs12'), path, password_file: path.optional() }),
    z.strictObject({
      type: z.literal('pem'),
      /** The certificate first, then those between it and the authority. */
      certificates: path,
      key: path,
      passphrase_file: path.optional(),
    }),
    z.strictObject({
      type: z.literal('command').meta({ description: 'Signs by RSA PKCS#1 v1.5 or ECDSA with SHA-256' }),
      certificates: path,
      command,
    }),
  ]),
});

export const signingKeysFileSchema = z.strictObject({
  keys: z
    .array(z.discriminatedUnion('kind', [openPgpKey, x509Key]))
    .min(1)
    .max(100),
  /** PEM files of the authorities that signatures of msi and macOS packages must lead to. */
  authorities: z.array(path).max(20),
  /** OpenPGP public keys that are trusted beside the above, such as retired ones. */
  trusted_openpgp_keys: z.array(path).max(100).default([]),
  /** Certificates and keys that end within so many days are warned of. */
  warn_before_days: z.number().int().min(0).max(3_650).default(30),
});
export type SigningKeysFile = z.infer<typeof signingKeysFileSchema>;
export type SigningKeyEntry = SigningKeysFile['keys'][number];
export type KeyKind = SigningKeyEntry['kind'];
