import { refused } from '../errors.ts';
import type { TreeWriter } from '../source/tree-writer.ts';

/** Reads the portable cpio format ("odc") that macOS packages carry. */

const HEADER = 76;
const MAX_NAME = 4_096;
const MODE_KIND = 0o170_000;

/** Hands on exactly as many bytes as are asked for, whatever the chunks they come in. */
class Bytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async *take(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done === true) throw refused('unreadable', 'The package’s payload is cut short');
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async all(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.take(size)) parts.push(part);
    return Buffer.concat(parts);
  }
}

function octal(header: Buffer, from: number, length: number): number {
  const text = header.toString('latin1', from, from + length);
  if (!/^[0-7]+$/.test(text)) throw refused('unreadable', 'The package’s payload is no cpio archive');
  return Number.parseInt(text, 8);
}

/** Unpacks a cpio archive below `prefix` of the tree, through its guard. @throws PackagingError */
export async function unpackCpio(
  chunks: AsyncIterable<Buffer>,
  tree: TreeWriter,
  prefix: string,
): Promise<void> {
  const bytes = new Bytes(chunks);
  for (;;) {
    const header = await bytes.all(HEADER);
    if (header.toString('latin1', 0, 6) !== '070707')
      throw refused('unreadable', 'The package’s payload is no cpio archive of the portable kind');
    const mode = octal(header, 18, 6);
    const nameSize = octal(header, 59, 6);
    const size = octal(header, 65, 11);
    if (nameSize === 0 || nameSize > MAX_NAME)
      throw refused('bad-name', 'The payload holds a name that is too long');
    const name = (await bytes.all(nameSize)).toString('utf8', 0, nameSize - 1);
    if (name === 'TRAILER!!!') return;
    const path = `${prefix}${name}`;
    switch (mode & MODE_KIND) {
      case 0o040_000:
        await tree.folder(path);
        break;
      case 0o120_000: {
        if (size > MAX_NAME) throw refused('bad-link', `${JSON.stringify(name)} is a link of too many bytes`);
        await tree.link(path, (await bytes.all(size)).toString('utf8'));
        break;
      }
      case 0o100_000:
        await tree.file(path, mode, bytes.take(size));
        break;
      default:
        throw refused('special-file', `${JSON.stringify(name)} is a device or pipe, which is not taken`);
    }
  }
}
