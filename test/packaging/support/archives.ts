import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { Header, type HeaderData } from 'tar';

export interface Entry {
  readonly path: string;
  readonly content?: string | Buffer;
  readonly type?: HeaderData['type'];
  readonly linkpath?: string;
  readonly mode?: number;
}

/** A tar archive of any entries, also of such as no honest program writes. */
export function craftTar(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = '', type = 'File', linkpath, mode = 0o644 }) => {
    const bytes = Buffer.from(content);
    const header = new Header({
      path,
      mode,
      type,
      size: bytes.length,
      mtime: new Date(0),
      ...(linkpath === undefined ? {} : { linkpath }),
    });
    const head = Buffer.alloc(512);
    header.encode(head);
    return [head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

export const craftTarGz = (entries: readonly Entry[]): Buffer => gzipSync(craftTar(entries));

const LINK = 0o120_777;

/** A zip archive, likewise. `claimed`: another size than the true one. */
export function craftZip(entries: readonly (Entry & { readonly claimed?: number })[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { path, content = '', type, mode, claimed } of entries) {
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const name = Buffer.from(path);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    // Names are UTF-8.
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(claimed ?? bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const head = Buffer.concat([Buffer.from('504b0304', 'hex'), common, name, packed]);
    const rest = Buffer.alloc(14);
    const unix = type === 'SymbolicLink' ? LINK : (mode ?? 0o100_644);
    rest.writeUInt32LE(unix * 65_536, 6);
    rest.writeUInt32LE(at, 10);
    // Made on Unix.
    central.push(Buffer.concat([Buffer.from('504b01021403', 'hex'), common, rest, name]));
    local.push(head);
    at += head.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}
