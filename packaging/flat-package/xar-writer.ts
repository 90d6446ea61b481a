import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { deflateSync } from 'node:zlib';
import { element, escapeXml } from '../build/xml.ts';
import { PackagingError } from '../errors.ts';

/** Writes XAR archives, the container of macOS flat packages: a header, a compressed XML table, a heap of bytes. */

export interface Checksum {
  readonly style: string;
  readonly hex: string;
}

export interface XarMember {
  /** `/` between its parts. */
  readonly path: string;
  /** Bytes in the archive, and of the content. */
  readonly length: number;
  readonly size: number;
  readonly encoding: string;
  readonly archived: Checksum;
  readonly extracted: Checksum;
  readonly read: () => Readable;
}

/** Who signs: sizes must be known before the table that is signed can be written. */
export interface XarSigner {
  readonly certificatesDer: readonly Buffer[];
  readonly signatureBytes: number;
  readonly cmsBytes: number;
  /** PKCS#1 v1.5 signature with SHA-256 over the compressed table. */
  sign(table: Buffer): Promise<Buffer>;
  /** Detached CMS over the table's hash. */
  cms(tableHash: Buffer): Promise<Buffer>;
}

const HASH_BYTES = 32;
const TIME = '2020-01-01T00:00:00Z';

/** A file that goes into the archive as it is. */
export async function storedFile(path: string, file: string): Promise<XarMember> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  const { size } = await stat(file);
  const checksum = { style: 'sha256', hex: hash.digest('hex') };
  return {
    path,
    length: size,
    size,
    encoding: 'application/octet-stream',
    archived: checksum,
    extracted: checksum,
    read: () => createReadStream(file),
  };
}

interface Node {
  readonly folders: Map<string, Node>;
  readonly files: { readonly name: string; readonly member: XarMember; readonly offset: number }[];
}
const node = (): Node => ({ folders: new Map(), files: [] });

function checksum(name: string, { style, hex }: Checksum): string {
  return element(name, { style }, hex);
}

function content(at: Node, nextId: () => number): string {
  const files = at.files.map(({ name, member, offset }) =>
    element(
      'file',
      { id: nextId() },
      [
        element('name', {}, escapeXml(name)),
        '<type>file</type><mode>0644</mode><uid>0</uid><gid>0</gid>',
        element(
          'data',
          {},
          [
            `<length>${member.length}</length><offset>${offset}</offset><size>${member.size}</size>`,
            element('encoding', { style: member.encoding }),
            checksum('extracted-checksum', member.extracted),
            checksum('archived-checksum', member.archived),
          ].join(''),
        ),
      ].join(''),
    ),
  );
  const folders = [...at.folders].map(([name, inner]) =>
    element(
      'file',
      { id: nextId() },
      `${element('name', {}, escapeXml(name))}<type>directory</type><mode>0755</mode><uid>0</uid><gid>0</gid>${content(inner, nextId)}`,
    ),
  );
  return [...files, ...folders].join('');
}

function signatureElement(
  name: string,
  style: string,
  offset: number,
  size: number,
  signer: XarSigner,
): string {
  const certificates = signer.certificatesDer.map((der) =>
    element('X509Certificate', {}, der.toString('base64')),
  );
  const keyInfo = element(
    'KeyInfo',
    { xmlns: 'http://www.w3.org/2000/09/xmldsig#' },
    element('X509Data', {}, certificates.join('')),
  );
  return element(name, { style }, `<offset>${offset}</offset><size>${size}</size>${keyInfo}`);
}

function tableOf(members: readonly XarMember[], signer: XarSigner | undefined): Buffer {
  let offset = HASH_BYTES;
  const signatures: string[] = [];
  if (signer !== undefined) {
    signatures.push(signatureElement('signature', 'RSA', offset, signer.signatureBytes, signer));
    offset += signer.signatureBytes;
    signatures.push(signatureElement('x-signature', 'CMS', offset, signer.cmsBytes, signer));
    offset += signer.cmsBytes;
  }
  const root = node();
  for (const member of members) {
    const name = posix.basename(member.path);
    let at = root;
    for (const part of member.path.split('/').slice(0, -1)) {
      const next = at.folders.get(part) ?? node();
      at.folders.set(part, next);
      at = next;
    }
    at.files.push({ name, member, offset });
    offset += member.length;
  }
  let id = 0;
  const nextId = (): number => {
    id += 1;
    return id;
  };
  const toc = [
    element('checksum', { style: 'sha256' }, `<offset>0</offset><size>${HASH_BYTES}</size>`),
    `<creation-time>${TIME}</creation-time>`,
    ...signatures,
    content(root, nextId),
  ].join('');
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<xar><toc>${toc}</toc></xar>\n`);
}

async function exactly(what: string, bytes: Promise<Buffer>, size: number): Promise<Buffer> {
  const made = await bytes;
  if (made.length !== size)
    throw new PackagingError('signing-failed', `${what} has ${made.length} bytes instead of ${size}`);
  return made;
}

async function append(file: FileHandle, member: XarMember): Promise<void> {
  let written = 0;
  for await (const part of member.read()) {
    await file.writeFile(part as Buffer);
    written += (part as Buffer).length;
  }
  if (written !== member.length) throw new Error(`${member.path} changed while the package was written`);
}

/** Writes an archive of members to a new file, signed where a signer is given. */
export async function writeXar(
  output: string,
  members: readonly XarMember[],
  signer?: XarSigner,
): Promise<void> {
  const xml = tableOf(members, signer);
  const table = deflateSync(xml, { level: 9 });
  const hash = createHash('sha256').update(table).digest();
  const header = Buffer.alloc(28 + 36);
  header.write('xar!', 'latin1');
  header.writeUInt16BE(header.length, 4);
  header.writeUInt16BE(1, 6);
  header.writeBigUInt64BE(BigInt(table.length), 8);
  header.writeBigUInt64BE(BigInt(xml.length), 16);
  // "Another checksum", whose name follows.
  header.writeUInt32BE(3, 24);
  header.write('sha256', 28, 'latin1');
  const file = await open(output, 'wx', 0o600);
  try {
    await file.writeFile(Buffer.concat([header, table, hash]));
    if (signer !== undefined) {
      await file.writeFile(await exactly('The signature', signer.sign(table), signer.signatureBytes));
      await file.writeFile(await exactly('The CMS signature', signer.cms(hash), signer.cmsBytes));
    }
    for (const member of members) await append(file, member);
  } finally {
    await file.close();
  }
}
