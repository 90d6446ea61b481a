import { readFile, writeFile } from 'node:fs/promises';
import { PackagingError } from '../errors.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Writes the trusted authorities into one PEM file, as openssl and osslsigncode take them. @throws PackagingError */
export async function writeAuthorities(keys: SigningKeys, output: string): Promise<void> {
  if (keys.authorities.length === 0) throw new PackagingError('key-unusable', 'No authority is trusted');
  const texts = await Promise.all(
    keys.authorities.map((path) =>
      readFile(path, 'utf8').catch((error: unknown) => {
        throw new PackagingError('key-unusable', `The authority ${path} cannot be read`, { cause: error });
      }),
    ),
  );
  await writeFile(output, texts.join('\n'), { mode: 0o600 });
}
