import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  type KeyKind,
  type SigningKeyEntry,
  signingKeysFileSchema,
} from '../../contracts/packaging-pipeline/signing-keys.ts';
import { PackagingError } from '../errors.ts';

/** Where signing keys are and what is trusted; holds paths, no secrets. */
export interface SigningKeys {
  readonly keys: readonly SigningKeyEntry[];
  readonly authorities: readonly string[];
  readonly trustedOpenPgpKeys: readonly string[];
  readonly warnBeforeDays: number;
}

function absolute(entry: SigningKeyEntry, folder: string): SigningKeyEntry {
  const secret = Object.fromEntries(
    Object.entries(entry.secret).map(([name, value]) =>
      name === 'type' || typeof value !== 'string' ? [name, value] : [name, resolve(folder, value)],
    ),
  );
  return { ...entry, secret } as SigningKeyEntry;
}

/** Reads the file that lists signing keys. @throws PackagingError `key-unusable` */
export async function readSigningKeys(file: string): Promise<SigningKeys> {
  const folder = dirname(resolve(file));
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new PackagingError('key-unusable', `The list of signing keys cannot be read: ${file}`, {
      cause: error,
    });
  });
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new PackagingError('key-unusable', `${file} is no JSON`, { cause: error });
  }
  const parsed = signingKeysFileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new PackagingError('key-unusable', `${file}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { data } = parsed;
  return {
    keys: data.keys.map((entry) => absolute(entry, folder)),
    authorities: data.authorities.map((path) => resolve(folder, path)),
    trustedOpenPgpKeys: data.trusted_openpgp_keys.map((path) => resolve(folder, path)),
    warnBeforeDays: data.warn_before_days,
  };
}

/** The keys of one reference and kind. @throws PackagingError when there is none */
export function keysOf<K extends KeyKind>(
  keys: SigningKeys,
  reference: string,
  kind: K,
): Extract<SigningKeyEntry, { kind: K }>[] {
  const found = keys.keys.filter(
    (entry): entry is Extract<SigningKeyEntry, { kind: K }> =>
      entry.reference === reference && entry.kind === kind,
  );
  if (found.length === 0)
    throw new PackagingError('key-unusable', `There is no ${kind} key with the reference ${reference}`);
  return found;
}
