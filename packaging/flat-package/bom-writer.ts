import { createReadStream } from 'node:fs';
import { join, posix } from 'node:path';
import type { LaidOut } from '../build/walk.ts';

/**
 * Writes the bill of materials of a macOS package: a store of numbered blocks, among them trees of fixed-size pages
 * that list every path with its attributes. All numbers are big-endian.
 */

const HEADER_SIZE = 512;
const PAGE_SIZE = 4_096;
/** Entries of a page: 12 bytes of its header, 8 each. */
const PAGE_ENTRIES = Math.floor((PAGE_SIZE - 12) / 8);

class Store {
  /** The block with number 0 is always empty. */
  readonly #blocks: Buffer[] = [Buffer.alloc(0)];
  readonly #variables: { readonly name: string; readonly block: number }[] = [];

  add(content: Buffer): number {
    return this.#blocks.push(content) - 1;
  }

  /** The number that the next block gets. */
  get next(): number {
    return this.#blocks.length;
  }

  name(name: string, block: number): void {
    this.#variables.push({ name, block });
  }

  bytes(): Buffer {
    const index: Buffer[] = [words(this.#blocks.length)];
    let at = HEADER_SIZE;
    for (const block of this.#blocks) {
      index.push(block.length === 0 ? words(0, 0) : words(at, block.length));
      at += block.length;
    }
    // The list of free blocks: none.
    const table = Buffer.concat([...index, words(0), words(0, 0), words(0, 0)]);
    const variables = Buffer.concat([
      words(this.#variables.length),
      ...this.#variables.map(({ name, block }) =>
        Buffer.concat([words(block), Buffer.from([name.length]), Buffer.from(name, 'latin1')]),
      ),
    ]);
    const header = Buffer.alloc(HEADER_SIZE);
    header.write('BOMStore', 'latin1');
    words(1, this.#blocks.length - 1, at + variables.length, table.length, at, variables.length).copy(
      header,
      8,
    );
    return Buffer.concat([header, ...this.#blocks, variables, table]);
  }
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value >>> 0, index * 4);
  });
  return bytes;
}

interface Entry {
  readonly info: number;
  readonly name: number;
}

function page(leaf: boolean, entries: readonly Entry[], next: number, previous: number): Buffer {
  const bytes = Buffer.alloc(PAGE_SIZE);
  bytes.writeUInt16BE(leaf ? 1 : 0, 0);
  bytes.writeUInt16BE(entries.length, 2);
  words(next, previous, ...entries.flatMap(({ info, name }) => [info, name])).copy(bytes, 4);
  return bytes;
}

/** Adds the pages of one level of a tree; what the level above lists of them. */
function level(store: Store, entries: readonly Entry[], leaf: boolean): Entry[] {
  const first = store.next;
  const count = Math.max(1, Math.ceil(entries.length / PAGE_ENTRIES));
  return Array.from({ length: count }, (_, index) => {
    const own = entries.slice(index * PAGE_ENTRIES, (index + 1) * PAGE_ENTRIES);
    // Leaves know their neighbours, which are numbered in turn.
    const next = leaf && index + 1 < count ? first + index + 1 : 0;
    const previous = leaf && index > 0 ? first + index - 1 : 0;
    return { info: store.add(page(leaf, own, next, previous)), name: own.at(-1)?.name ?? 0 };
  });
}

/** Adds a tree over sorted entries; the number of its block. */
function tree(store: Store, entries: readonly Entry[], pageSize: number): number {
  let pages = level(store, entries, true);
  while (pages.length > 1) pages = level(store, pages, false);
  const head = Buffer.alloc(21);
  head.write('tree', 'latin1');
  words(1, ...pages.map(({ info }) => info), pageSize, entries.length).copy(head, 4);
  return store.add(head);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit += 1)
    value = (value & 0x8000_0000) === 0 ? value << 1 : (value << 1) ^ 0x04c1_1db7;
  return value;
});

const shifted = (value: number, byte: number): number =>
  (value << 8) ^ (CRC_TABLE[((value >>> 24) ^ byte) & 0xff] ?? 0);

/** The checksum of POSIX `cksum`, which bills of materials carry. */
export class PosixChecksum {
  #value = 0;
  #length = 0;

  update(bytes: Uint8Array): void {
    let value = this.#value;
    for (const byte of bytes) value = shifted(value, byte);
    this.#value = value;
    this.#length += bytes.byteLength;
  }

  digest(): number {
    let value = this.#value;
    for (let length = this.#length; length > 0; length = Math.floor(length / 256))
      value = shifted(value, length & 0xff);
    return ~value >>> 0;
  }
}

async function checksum(root: string, entry: LaidOut): Promise<number> {
  const crc = new PosixChecksum();
  if (entry.kind === 'link') crc.update(Buffer.from(entry.target));
  if (entry.kind === 'file') {
    for await (const part of createReadStream(join(root, entry.path))) crc.update(part as Buffer);
  }
  return entry.kind === 'folder' ? 0 : crc.digest();
}

const TYPES = { file: 1, folder: 2, link: 3 } as const;
const KINDS = { file: 0o100_000, folder: 0o040_000, link: 0o120_000 } as const;

export type ModeOf = (entry: LaidOut) => number;

async function information(root: string, entry: LaidOut, mode: number): Promise<Buffer> {
  const target = entry.kind === 'link' ? Buffer.from(`${entry.target}\0`) : Buffer.alloc(0);
  const bytes = Buffer.alloc(31);
  bytes.writeUInt8(TYPES[entry.kind], 0);
  bytes.writeUInt8(1, 1);
  bytes.writeUInt16BE(3, 2);
  bytes.writeUInt16BE(KINDS[entry.kind] | mode, 4);
  // Owner and group 0, no time.
  const size = entry.kind === 'file' ? entry.size : Math.max(target.length - 1, 0);
  bytes.writeUInt32BE(size >>> 0, 18);
  bytes.writeUInt8(1, 22);
  bytes.writeUInt32BE(await checksum(root, entry), 23);
  bytes.writeUInt32BE(target.length, 27);
  return Buffer.concat([bytes, target]);
}

/** The bill of materials of everything below `root`; `entries` as `walk` lists them. */
export async function writeBom(root: string, entries: readonly LaidOut[], modeOf: ModeOf): Promise<Buffer> {
  const store = new Store();
  const children = new Map<string, LaidOut[]>();
  for (const entry of entries) {
    const parent = posix.dirname(entry.path);
    const known = children.get(parent);
    if (known === undefined) children.set(parent, [entry]);
    else known.push(entry);
  }
  store.name('BomInfo', store.add(words(1, entries.length + 1, 1, 0, 0, 0, 0)));
  const listed: Entry[] = [];
  const list = async (entry: LaidOut, parent: number, name: string): Promise<number> => {
    const id = listed.length + 1;
    const second = store.add(await information(root, entry, modeOf(entry)));
    listed.push({
      info: store.add(words(id, second)),
      name: store.add(Buffer.concat([words(parent), Buffer.from(`${name}\0`)])),
    });
    return id;
  };
  // Level by level: entries are sorted by their parent's number, then by name.
  const waiting = [{ path: '.', id: await list({ path: '', kind: 'folder' }, 0, '.') }];
  // Grows while it is gone through.
  for (const { path, id: parent } of waiting) {
    for (const entry of children.get(path) ?? []) {
      const id = await list(entry, parent, posix.basename(entry.path));
      if (entry.kind === 'folder') waiting.push({ path: entry.path, id });
    }
  }
  store.name('Paths', tree(store, listed, PAGE_SIZE));
  store.name('HLIndex', tree(store, [], PAGE_SIZE));
  const hints = Buffer.alloc(13);
  words(1, tree(store, [], 128)).copy(hints);
  store.name('VIndex', store.add(hints));
  store.name('Size64', tree(store, [], PAGE_SIZE));
  return store.bytes();
}
