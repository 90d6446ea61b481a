import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { deflateSync, gzipSync } from 'node:zlib';
import { unpackCpio } from '../../packaging/flat-package/cpio-reader.ts';
import { XarArchive } from '../../packaging/flat-package/xar-reader.ts';
import type { TreeWriter } from '../../packaging/source/tree-writer.ts';
import { PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

interface Craft {
  readonly toc?: string;
  readonly style?: string;
  readonly size?: number;
  readonly packed?: number;
  readonly table?: Buffer;
  readonly hash?: Buffer;
  readonly magic?: string;
  readonly cut?: number;
}

/** A XAR archive of any table of contents, also of such as no honest program writes. */
async function craft(changes: Craft, heap = Buffer.from('content')): Promise<string> {
  const { style = 'sha256', size = 32, magic = 'xar!' } = changes;
  const xml =
    changes.toc ??
    `<xar><toc><checksum style="${style}"><offset>0</offset><size>${size}</size></checksum>${file()}</toc></xar>`;
  const table = changes.table ?? deflateSync(xml);
  const header = Buffer.alloc(28);
  header.write(magic, 'latin1');
  header.writeUInt16BE(28, 4);
  header.writeUInt16BE(1, 6);
  header.writeBigUInt64BE(BigInt(changes.packed ?? table.length), 8);
  header.writeBigUInt64BE(BigInt(xml.length), 16);
  const hash = changes.hash ?? createHash('sha256').update(table).digest();
  const bytes = Buffer.concat([header, table, hash, heap]);
  return world.put(`${sha256(bytes)}.pkg`, bytes.subarray(0, changes.cut ?? bytes.length));
}

function file({
  name = 'a',
  offset = 32,
  length = 7,
  encoding = 'application/octet-stream',
  style = 'sha256',
  hash = sha256('content'),
} = {}): string {
  return `<file id="1"><name>${name}</name><type>file</type><data><length>${length}</length><offset>${offset}</offset><size>7</size>
    <encoding style="${encoding}"/><archived-checksum style="${style}">${hash}</archived-checksum>
    <extracted-checksum style="${style}">${hash}</extracted-checksum></data></file>`;
}
const tocWith = (inner: string): string =>
  `<xar><toc><checksum style="sha256"><offset>0</offset><size>32</size></checksum>${inner}</toc></xar>`;

describe('A flat package of somebody else’s', () => {
  it('is read: names that are wrapped, files that are empty, content that is packed', async () => {
    const packed = deflateSync('content');
    const toc = tocWith(
      [
        '<file id="9"><name>folder</name><type>directory</type>',
        file({ name: 'plain' }),
        file({ name: 'empty', length: 0, hash: sha256('') }),
        file({
          name: 'packed',
          offset: 39,
          length: packed.length,
          encoding: 'application/x-gzip',
          hash: sha256(packed),
        }),
        '</file>',
      ].join(''),
    );
    const archive = await XarArchive.open(
      await craft({ toc }, Buffer.concat([Buffer.from('content'), packed])),
    );
    await archive.check();
    expect(archive.files.map(({ path }) => path)).toEqual(['folder/plain', 'folder/empty', 'folder/packed']);
    const read = async (path: string): Promise<string> => {
      const found = archive.find(path);
      if (found === undefined) throw new Error(path);
      return text(archive.content(found));
    };
    expect([await read('folder/plain'), await read('folder/empty'), await read('folder/packed')]).toEqual([
      'content',
      '',
      'content',
    ]);
    expect(archive.signatures).toEqual([]);
  });

  it.each<[string, Craft, string]>([
    ['is no archive', { magic: 'zip!' }, 'unreadable'],
    ['is cut short', { cut: 40 }, 'unreadable'],
    ['claims a table that is too large', { packed: 2 ** 30 }, 'too-large'],
    ['has a damaged table', { table: Buffer.from('no zlib stream') }, 'unreadable'],
    ['has a table that is no XML', { toc: 'nothing' }, 'unreadable'],
    ['has entities of its own', { toc: '<!DOCTYPE xar><xar/>' }, 'unreadable'],
    ['has a checksum that nobody knows', { style: 'md5' }, 'unreadable'],
    ['has a checksum of another size', { size: 20 }, 'unreadable'],
    ['has a table that does not fit it', { hash: Buffer.alloc(32) }, 'checksum'],
    [
      'has a signature that is too large',
      { toc: tocWith('<signature style="RSA"><offset>32</offset><size>99999999</size></signature>') },
      'too-large',
    ],
  ])('is refused when it %s', async (_, changes, reason) => {
    await expect(XarArchive.open(await craft(changes))).rejects.toMatchObject({
      code: 'source-refused',
      reason,
    });
  });

  it.each([
    ['a file that does not fit its checksum', { hash: sha256('other') }, 'checksum'],
    ['a file with a checksum that nobody knows', { style: 'crc' }, 'unreadable'],
    ['a file that is cut short', { length: 700 }, 'unreadable'],
  ])('is refused for %s', async (_, changes, reason) => {
    const archive = await XarArchive.open(await craft({ toc: tocWith(file(changes)) }));
    await expect(archive.check()).rejects.toMatchObject({ code: 'source-refused', reason });
  });

  it('is refused for content that is packed in a way that nobody knows', async () => {
    const archive = await XarArchive.open(
      await craft({ toc: tocWith(file({ encoding: 'application/x-lzma' })) }),
    );
    const [first] = archive.files;
    if (first === undefined) throw new Error('No file');
    expect(() => archive.content(first)).toThrow(/packed as application\/x-lzma/);
  });
});

/** Notes what would be written. */
class Notes {
  readonly lines: string[] = [];
  readonly folder = async (path: string): Promise<void> => {
    this.lines.push(`folder ${path}`);
  };
  readonly link = async (path: string, target: string): Promise<void> => {
    this.lines.push(`link ${path} to ${target}`);
  };
  readonly file = async (path: string, mode: number, content: AsyncIterable<Buffer>): Promise<void> => {
    this.lines.push(`file ${path} ${(mode & 0o777).toString(8)} ${await text(Readable.from(content))}`);
  };
}

function record(
  mode: number,
  name: string,
  content = '',
  changes: { magic?: string; nameSize?: string; size?: string } = {},
): Buffer {
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  const head = [
    changes.magic ?? '070707',
    octal(0, 6),
    octal(0, 6),
    octal(mode, 6),
    ...[0, 0, 1, 0].map((value) => octal(value, 6)),
    octal(0, 11),
    changes.nameSize ?? octal(Buffer.byteLength(name) + 1, 6),
    changes.size ?? octal(Buffer.byteLength(content), 11),
  ].join('');
  return Buffer.from(`${head}${name}\0${content}`);
}
const TRAILER = record(0, 'TRAILER!!!');

describe('A payload of somebody else’s', () => {
  const unpack = async (...parts: readonly Buffer[]): Promise<string[]> => {
    const notes = new Notes();
    // In pieces of seven bytes: records do not come by themselves.
    const bytes = Buffer.concat(parts);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) =>
      bytes.subarray(at * 7, at * 7 + 7),
    );
    await unpackCpio(Readable.from(pieces), notes as unknown as TreeWriter, 'root/');
    return notes.lines;
  };

  it('is unpacked, whatever the pieces that it comes in', async () => {
    expect(
      await unpack(
        record(0o040755, 'opt'),
        record(0o100644, 'opt/a', 'content'),
        record(0o120777, 'opt/link', 'a'),
        TRAILER,
      ),
    ).toEqual(['folder root/opt', 'file root/opt/a 644 content', 'link root/opt/link to a']);
  });

  it.each<[string, Buffer[], string]>([
    ['of another kind', [record(0o100644, 'a', '', { magic: '070701' })], 'unreadable'],
    ['with a number that is none', [record(0o100644, 'a', '', { size: '0000000000x' })], 'unreadable'],
    ['with a name of no bytes', [record(0o100644, 'a', '', { nameSize: '000000' })], 'bad-name'],
    ['with a name that is too long', [record(0o100644, 'a', '', { nameSize: '777777' })], 'bad-name'],
    ['with a link of too many bytes', [record(0o120777, 'a', 'x'.repeat(5_000))], 'bad-link'],
    ['with a device', [record(0o020644, 'a')], 'special-file'],
    ['that is cut short', [record(0o100644, 'a', 'content').subarray(0, -3)], 'unreadable'],
    ['without an end', [record(0o100644, 'a', 'content')], 'unreadable'],
  ])('%s is refused', async (_, parts, reason) => {
    await expect(unpack(...parts)).rejects.toMatchObject({ code: 'source-refused', reason });
  });
});

it('Streams of a folder that is no archive are not mistaken for one', async () => {
  const folder = world.path('plain');
  await mkdir(folder);
  await writeFile(join(folder, 'a'), gzipSync('x'));
  await expect(XarArchive.open(join(folder, 'a'))).rejects.toMatchObject({ reason: 'unreadable' });
});
