import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createInflate, inflateSync } from 'node:zlib';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { refused } from '../errors.ts';

/** Reads what others wrote: shares nothing with the writer, so that it can vouch for it. */

const MAX_TOC = 64 * 2 ** 20;
const CHECKSUMS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

const count = z.coerce.number().int().min(0);
const checksum = z.object({ '@style': z.string(), '#text': z.string().toLowerCase() });
const data = z.object({
  length: count,
  offset: count,
  size: count,
  encoding: z.object({ '@style': z.string() }),
  'archived-checksum': checksum,
  'extracted-checksum': checksum,
});
/** Names that are no UTF-8, but also any other name, may be written in Base64. */
const codedName = z
  .object({ '@enctype': z.literal('base64'), '#text': z.string() })
  .transform((name) => Buffer.from(name['#text'], 'base64').toString('utf8'));
interface FileNode {
  name: string;
  type: string;
  data?: z.infer<typeof data> | undefined;
  file: FileNode[];
}
const fileNode: z.ZodType<FileNode> = z.object({
  name: z.union([z.string(), codedName]),
  type: z.string(),
  data: data.optional(),
  get file() {
    return z.array(fileNode).default([]);
  },
});
const signature = z.object({
  '@style': z.string(),
  offset: count,
  size: count,
  KeyInfo: z.object({ X509Data: z.object({ X509Certificate: z.array(z.string()) }) }).optional(),
});
const tocSchema = z.object({
  xar: z.object({
    toc: z.object({
      checksum: z.object({ '@style': z.string(), offset: count, size: count }),
      signature: signature.optional(),
      'x-signature': signature.optional(),
      file: z.array(fileNode).default([]),
    }),
  }),
});

export interface XarFile {
  readonly path: string;
  readonly data: z.infer<typeof data>;
}

export interface XarSignature {
  /** `RSA` or `CMS`. */
  readonly style: string;
  readonly bytes: Buffer;
  readonly certificatesDer: readonly Buffer[];
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) => name === 'file' || name === 'X509Certificate',
});

function parseToc(xml: string) {
  // No entities of an archive's own.
  if (/<!DOCTYPE/i.test(xml)) throw refused('unreadable', 'The package’s table of contents has a DOCTYPE');
  try {
    return tocSchema.parse(parser.parse(xml)).xar.toc;
  } catch (error) {
    throw refused('unreadable', 'The package’s table of contents is not understood', error);
  }
}

function* flatten(nodes: readonly FileNode[], prefix = ''): Generator<XarFile> {
  for (const node of nodes) {
    const path = `${prefix}${node.name}`;
    if (node.data !== undefined && node.type === 'file') yield { path, data: node.data };
    yield* flatten(node.file, `${path}/`);
  }
}

async function exactly(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await file.read(bytes, 0, size, offset);
  if (bytesRead !== size) throw refused('unreadable', 'The package is cut short');
  return bytes;
}

/** An opened XAR archive, such as a macOS flat package. */
export class XarArchive {
  readonly path: string;
  readonly files: readonly XarFile[];
  /** Hash of the compressed table of contents, which is what signatures vouch for. */
  readonly tocHash: Buffer;
  readonly hashName: string;
  readonly signatures: readonly XarSignature[];
  readonly #heap: number;
  readonly #size: number;

  private constructor(
    fields: Pick<XarArchive, 'path' | 'files' | 'tocHash' | 'hashName' | 'signatures'>,
    heap: number,
    size: number,
  ) {
    this.path = fields.path;
    this.files = fields.files;
    this.tocHash = fields.tocHash;
    this.hashName = fields.hashName;
    this.signatures = fields.signatures;
    this.#heap = heap;
    this.#size = size;
  }

  /** @throws PackagingError `source-refused` for what is no XAR archive, or whose table of contents is damaged */
  static async open(path: string): Promise<XarArchive> {
    const { size } = await stat(path);
    const file = await open(path, 'r');
    try {
      const header = await exactly(file, 0, 28);
      if (header.toString('latin1', 0, 4) !== 'xar!')
        throw refused('unreadable', 'The file is no XAR archive');
      const headerSize = header.readUInt16BE(4);
      const packed = Number(header.readBigUInt64BE(8));
      const unpacked = Number(header.readBigUInt64BE(16));
      if (packed > MAX_TOC || unpacked > MAX_TOC)
        throw refused('too-large', 'The table of contents is too large');
      const compressed = await exactly(file, headerSize, packed);
      let xml: Buffer;
      try {
        xml = inflateSync(compressed, { maxOutputLength: Math.max(unpacked, 1) });
      } catch (error) {
        throw refused('unreadable', 'The package’s table of contents is damaged', error);
      }
      const toc = parseToc(xml.toString('utf8'));
      const heap = headerSize + packed;
      const hashName = toc.checksum['@style'].toLowerCase();
      const hashSize = CHECKSUMS[hashName];
      if (hashSize === undefined || hashSize !== toc.checksum.size)
        throw refused('unreadable', `The package’s checksum ${hashName} is not known`);
      const tocHash = createHash(hashName).update(compressed).digest();
      if (!tocHash.equals(await exactly(file, heap + toc.checksum.offset, hashSize)))
        throw refused('checksum', 'The package’s table of contents does not fit its checksum');
      const signatures: XarSignature[] = [];
      for (const found of [toc.signature, toc['x-signature']]) {
        if (found === undefined) continue;
        if (found.size > 2 ** 20) throw refused('too-large', 'The package’s signature is too large');
        const certificates = found.KeyInfo?.X509Data.X509Certificate ?? [];
        signatures.push({
          style: found['@style'].toUpperCase(),
          bytes: await exactly(file, heap + found.offset, found.size),
          certificatesDer: certificates.map((text) => Buffer.from(text, 'base64')),
        });
      }
      const files = [...flatten(toc.file)];
      return new XarArchive({ path, files, tocHash, hashName, signatures }, heap, size);
    } finally {
      await file.close();
    }
  }

  find(path: string): XarFile | undefined {
    return this.files.find((file) => file.path === path);
  }

  /** A file's bytes as they lie in the archive. */
  archived(file: XarFile): Readable {
    const begin = this.#heap + file.data.offset;
    if (begin + file.data.length > this.#size) throw refused('unreadable', `${file.path} is cut short`);
    if (file.data.length === 0) return Readable.from([]);
    return createReadStream(this.path, { start: begin, end: begin + file.data.length - 1 });
  }

  /** A file's content. */
  content(file: XarFile): Readable {
    const archived = this.archived(file);
    switch (file.data.encoding['@style']) {
      case 'application/octet-stream':
        return archived;
      case 'application/x-gzip': {
        // XAR says gzip and means zlib.
        const inflate = createInflate();
        // When either ends before its time, the other does, too; whoever reads is told.
        pipeline(archived, inflate, () => undefined);
        return inflate;
      }
      default:
        throw refused(
          'unsupported',
          `${file.path} is packed as ${file.data.encoding['@style']}, which is not known`,
        );
    }
  }

  /** Compares every file with its checksum. @throws PackagingError for the first that does not fit */
  async check(): Promise<void> {
    for (const file of this.files) {
      const expected = file.data['archived-checksum'];
      const name = expected['@style'].toLowerCase();
      if (CHECKSUMS[name] === undefined) throw refused('unreadable', `The checksum ${name} is not known`);
      const hash = createHash(name);
      for await (const part of this.archived(file)) hash.update(part);
      if (hash.digest('hex') !== expected['#text'])
        throw refused('checksum', `${file.path} in the package does not fit its checksum`);
    }
  }
}
