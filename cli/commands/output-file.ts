import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Api } from '../client/api.ts';
import { CliError, messageOf, usageError } from '../client/errors.ts';

/** Fetches a document as it is, and keeps it if it has the hash that the platform named. */
export async function writeDocument(api: Api, path: string, file: string, sha256: string): Promise<void> {
  const document = await api.document(path);
  const actual = createHash('sha256').update(document).digest('hex');
  if (actual !== sha256)
    throw new CliError('unavailable', {
      title: 'The document did not arrive as it is kept',
      detail: `Its SHA-256 is ${actual} instead of ${sha256}.`,
      hint: 'Try again.',
    });
  await writeFile(file, document).catch((error: unknown) => {
    throw usageError(`${file} cannot be written: ${messageOf(error)}`, undefined, error);
  });
}
