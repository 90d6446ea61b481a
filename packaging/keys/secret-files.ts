import { readFile, stat } from 'node:fs/promises';
import { PackagingError } from '../errors.ts';

/** Reads a file with a key or password. @throws PackagingError when it is missing or others may read it */
export async function readSecret(path: string): Promise<Buffer> {
  const status = await stat(path).catch((error: unknown) => {
    throw new PackagingError('key-unusable', `The key file ${path} cannot be read`, { cause: error });
  });
  if ((status.mode & 0o077) !== 0)
    throw new PackagingError('key-unusable', `${path} may be read by others; give it the mode 0600`, {
      reason: 'permissions',
    });
  return readFile(path).catch((error: unknown) => {
    throw new PackagingError('key-unusable', `The key file ${path} cannot be read`, { cause: error });
  });
}

/** The first line of a password file; an empty password without one. */
export async function readPassword(path: string | undefined): Promise<string> {
  if (path === undefined) return '';
  return (await readSecret(path)).toString('utf8').replace(/\r?\n.*$/s, '');
}
