import { open } from 'node:fs/promises';

/** One member of an `ar` archive: its name, and where its bytes lie in the file. */
export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const MAGIC = '!<arch>\n';
const HEADER_BYTES = 60;
const MAX_MEMBERS = 16;

/**
 * Lists the members of an archive as Debian packages are.
 * @throws Error when it is none, or holds more than packages do
 */
export async function readArMembers(path: string): Promise<ArMember[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const read = async (offset: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      if (bytesRead !== length) throw new Error('the archive is cut off');
      return buffer.toString('latin1');
    };
    if (size < MAGIC.length || (await read(0, MAGIC.length)) !== MAGIC)
      throw new Error('the file is no Debian package');
    const members: ArMember[] = [];
    for (let at = MAGIC.length; at < size; ) {
      if (members.length === MAX_MEMBERS) throw new Error(`the archive has more than ${MAX_MEMBERS} members`);
      const header = await read(at, HEADER_BYTES);
      const length = /^\d{1,10} *$/.test(header.slice(48, 58)) ? Number(header.slice(48, 58)) : Number.NaN;
      if (header.slice(58) !== '`\n' || Number.isNaN(length)) throw new Error('the archive is damaged');
      const offset = at + HEADER_BYTES;
      if (offset + length > size) throw new Error('the archive is cut off');
      members.push({ name: header.slice(0, 16).trim().replace(/\/$/, ''), offset, size: length });
      at = offset + length + (length % 2);
    }
    return members;
  } finally {
    await file.close();
  }
}
