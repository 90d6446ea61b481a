import { open } from 'node:fs/promises';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';

export type SourceKind = PackageFormat | 'tar' | 'tar.gz' | 'zip' | 'other';

/** Where each kind of file has which bytes. */
const MARKS: readonly (readonly [SourceKind, number, string])[] = [
  ['deb', 0, Buffer.from('!<arch>\ndebian-binary').toString('hex')],
  ['rpm', 0, 'edabeedb'],
  ['msi', 0, 'd0cf11e0a1b11ae1'],
  ['pkg', 0, Buffer.from('xar!').toString('hex')],
  ['tar.gz', 0, '1f8b'],
  ['zip', 0, '504b0304'],
  ['zip', 0, '504b0506'],
  ['tar', 257, Buffer.from('ustar').toString('hex')],
];

/** What a file is, by its content; names do not count. */
export async function kindOf(path: string): Promise<SourceKind> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const found = MARKS.find(([, offset, mark]) => {
      const bytes = Buffer.from(mark, 'hex');
      return bytesRead >= offset + bytes.length && head.subarray(offset, offset + bytes.length).equals(bytes);
    });
    return found?.[0] ?? 'other';
  } finally {
    await file.close();
  }
}
