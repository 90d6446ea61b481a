/** Writes a bbolt file, the key-value store in which Trivy keeps its database: nested buckets of sorted keys. */

export type Bucket = ReadonlyMap<string, Buffer | Bucket>;

const PAGE = 4_096;
const PAGE_HEADER = 16;
const ELEMENT = 16;
const FLAG = { leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
const BUCKET_ELEMENT = 1;

function page(id: number, flags: number, count: number, body: Buffer): Buffer {
  const pages = Math.max(1, Math.ceil((PAGE_HEADER + body.length) / PAGE));
  const bytes = Buffer.alloc(pages * PAGE);
  bytes.writeBigUInt64LE(BigInt(id), 0);
  bytes.writeUInt16LE(flags, 8);
  bytes.writeUInt16LE(count, 10);
  bytes.writeUInt32LE(pages - 1, 12);
  body.copy(bytes, PAGE_HEADER);
  return bytes;
}

/** FNV-1a, 64 bits. */
function fnv(bytes: Uint8Array): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  return hash;
}

function meta(id: number, root: number, end: number): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(0xed0c_daed, 0);
  body.writeUInt32LE(2, 4);
  body.writeUInt32LE(PAGE, 8);
  const FREELIST_PAGE = 2;
  [root, 0, FREELIST_PAGE, end, id].forEach((value, index) => {
    body.writeBigUInt64LE(BigInt(value), 16 + index * 8);
  });
  body.writeBigUInt64LE(fnv(body.subarray(0, 56)), 56);
  return page(id, FLAG.meta, 0, body);
}

function leafBody(entries: readonly { key: Buffer; value: Buffer; flags: number }[]): Buffer {
  const table = Buffer.alloc(entries.length * ELEMENT);
  const parts: Buffer[] = [table];
  let at = table.length;
  entries.forEach(({ key, value, flags }, index) => {
    const element = index * ELEMENT;
    table.writeUInt32LE(flags, element);
    table.writeUInt32LE(at - element, element + 4);
    table.writeUInt32LE(key.length, element + 8);
    table.writeUInt32LE(value.length, element + 12);
    parts.push(key, value);
    at += key.length + value.length;
  });
  return Buffer.concat(parts);
}

/** The bytes of a bbolt file. A bucket takes one page, however long: meant for thousands of keys, not millions. */
export function boltFile(root: Bucket): Buffer {
  const leaves: Buffer[] = [];
  let next = 3;
  const write = (bucket: Bucket): number => {
    const entries = [...bucket].map(([name, value]) => {
      const key = Buffer.from(name);
      if (Buffer.isBuffer(value)) return { key, value, flags: 0 };
      const reference = Buffer.alloc(16);
      reference.writeBigUInt64LE(BigInt(write(value as Bucket)), 0);
      return { key, value: reference, flags: BUCKET_ELEMENT };
    });
    entries.sort((a, b) => Buffer.compare(a.key, b.key));
    const own = next;
    const bytes = page(own, FLAG.leaf, entries.length, leafBody(entries));
    next += bytes.length / PAGE;
    leaves.push(bytes);
    return own;
  };
  const top = write(root);
  return Buffer.concat([
    meta(0, top, next),
    meta(1, top, next),
    page(2, FLAG.freelist, 0, Buffer.alloc(0)),
    ...leaves,
  ]);
}
