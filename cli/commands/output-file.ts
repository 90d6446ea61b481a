import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Api } from '../client/api.ts';
import { CliError, messageOf, systemCodeOf, usageError } from '../client/errors.ts';

/** Fetches a document as it is, and keeps it if it has the hash that the platform named. */
export async function writeDocument(api: Api, path: string, file: string, sha256: string): Promise<void> {
  const document = await api.document(path);
  refuseOther(createHash('sha256').update(document).digest('hex'), sha256);
  await writeFile(file, document).catch((error: unknown) => {
    throw unwritable(file, error);
  });
}

/** The same of what may be large: it goes to the disk as it comes in, and gets its name once its hash is right. */
export async function writeDownload(api: Api, path: string, file: string, sha256: string): Promise<void> {
  const part = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    await api.download(path, async (body) => {
      const hash = createHash('sha256');
      const measure = new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(body, measure, createWriteStream(part)).catch((error: unknown) => {
        // What the network does is for the caller to try again.
        throw DISK.has(systemCodeOf(error) ?? '') ? unwritable(file, error) : error;
      });
      refuseOther(hash.digest('hex'), sha256);
    });
    await rename(part, file).catch((error: unknown) => {
      throw unwritable(file, error);
    });
  } finally {
    await rm(part, { force: true });
  }
}

const DISK = new Set(['EACCES', 'EDQUOT', 'EFBIG', 'EIO', 'EISDIR', 'ENOENT', 'ENOSPC', 'ENOTDIR', 'EROFS']);

const unwritable = (file: string, error: unknown): CliError =>
  usageError(`${file} cannot be written: ${messageOf(error)}`, undefined, error);

function refuseOther(actual: string, sha256: string): void {
  if (actual === sha256) return;
  throw new CliError('unavailable', {
    title: 'The document did not arrive as it is kept',
    detail: `Its SHA-256 is ${actual} instead of ${sha256}.`,
    hint: 'Try again.',
  });
}
