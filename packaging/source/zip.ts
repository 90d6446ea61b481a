import type { Readable } from 'node:stream';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { refused } from '../errors.ts';
import { unreadable } from './tree-guard.ts';
import type { TreeWriter } from './tree-writer.ts';

const KIND = 0o170_000;
const FOLDER = 0o040_000;
const FILE = 0o100_000;
const LINK = 0o120_000;
const MAX_LINK_BYTES = 4_096;

async function contentOf(zip: ZipFile, entry: Entry): Promise<Readable> {
  const stream = await zip.openReadStreamPromise(entry);
  // It may fail before anybody reads; whoever reads then is told.
  stream.on('error', () => undefined);
  return stream;
}

async function take(zip: ZipFile, entry: Entry, tree: TreeWriter): Promise<void> {
  const path = entry.fileName;
  if (entry.isEncrypted()) throw refused('encrypted', `${JSON.stringify(path)} is encrypted`);
  // Only archives made on Unix carry modes.
  const mode = entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0;
  const kind = mode & KIND;
  if (path.endsWith('/') || kind === FOLDER) return tree.folder(path);
  if (kind === LINK) {
    let target = Buffer.alloc(0);
    for await (const part of await contentOf(zip, entry)) {
      target = Buffer.concat([target, part]);
      if (target.length > MAX_LINK_BYTES)
        throw refused('bad-link', `${JSON.stringify(path)} is a link of too many bytes`);
    }
    return tree.link(path, target.toString('utf8'));
  }
  if (kind !== 0 && kind !== FILE)
    throw refused('special-file', `${JSON.stringify(path)} is a device or pipe, which is not taken`);
  await tree.file(path, mode, await contentOf(zip, entry));
}

async function feed(file: string, tree: TreeWriter): Promise<void> {
  const zip = await openPromise(file, { autoClose: false, strictFileNames: true, validateEntrySizes: true });
  try {
    for await (const entry of zip.eachEntry()) await take(zip, entry, tree);
  } finally {
    zip.close();
  }
}

/** Reasons that the library's own refusals stand for. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^absolute path/, 'absolute-path'],
  [/^invalid relative path/, 'path-traversal'],
  [/^invalid characters in fileName/, 'bad-name'],
  [/^too many bytes in the stream|^not enough bytes/, 'false-size'],
];

/** Unpacks a zip archive through the guard. @throws PackagingError */
export async function unpackZip(file: string, tree: TreeWriter): Promise<void> {
  await feed(file, tree).catch((error: unknown) => {
    const { message } = error as Error;
    const known = REFUSALS.find(([pattern]) => pattern.test(message));
    if (known !== undefined) throw refused(known[1], `The source is refused: ${message}`, error);
    throw unreadable('zip archive', error);
  });
}
