import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import CFB from 'cfb';
import { PackagingError } from '../errors.ts';

/**
 * The hash that Authenticode signs of an msi, counted anew from the file by another reader of its container than
 * the signer's: all streams but the signature's own, in the order of their names' bytes, then the root's class id.
 */
const SIGNATURE = '\u0005DigitalSignature';
const EXTENDED = '\u0005MsiDigitalSignatureEx';
const STREAM = 2;

const nameBytes = (name: string): Buffer => Buffer.from(name, 'utf16le');

/** Shorter names first where one begins with the other. */
function byNameBytes(a: CFB.CFB$Entry, b: CFB.CFB$Entry): number {
  return Buffer.compare(nameBytes(a.name), nameBytes(b.name));
}

function contentOf(entry: CFB.CFB$Entry): Buffer {
  return Buffer.from(entry.content as Uint8Array).subarray(0, entry.size);
}

/** @returns the SHA-256 hash, and whether the package is signed at all. @throws PackagingError when it is damaged */
export async function msiDigest(file: string): Promise<{ digest: Buffer; signed: boolean }> {
  let container: CFB.CFB$Container;
  try {
    container = CFB.parse(await readFile(file));
  } catch (error) {
    throw new PackagingError('verification-failed', 'The msi is no readable compound file', {
      reason: 'damaged',
      cause: error,
    });
  }
  const streams = container.FileIndex.filter(({ type }) => type === STREAM);
  const hash = createHash('sha256');
  // Stands before all, and vouches for the names and sizes.
  const extended = streams.find(({ name }) => name === EXTENDED);
  if (extended !== undefined) hash.update(contentOf(extended));
  for (const entry of streams.sort(byNameBytes)) {
    if (entry.name !== SIGNATURE && entry.name !== EXTENDED) hash.update(contentOf(entry));
  }
  const clsid = container.FileIndex[0]?.clsid ?? '';
  hash.update(Buffer.from(String(clsid).padEnd(32, '0'), 'hex'));
  return { digest: hash.digest(), signed: streams.some(({ name }) => name === SIGNATURE) };
}
