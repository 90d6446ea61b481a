import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { refused } from '../errors.ts';

const MAGIC = '!<arch>\n';
const HEADER = 60;

export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** The members of an ar archive, such as a deb. @throws PackagingError when it is damaged */
export async function arMembers(file: FileHandle): Promise<ArMember[]> {
  const { size: total } = await file.stat();
  const bytes = Buffer.alloc(HEADER);
  await file.read(bytes, 0, MAGIC.length, 0);
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw refused('unreadable', 'The package is no ar archive');
  const members: ArMember[] = [];
  for (let at = MAGIC.length; at < total; ) {
    const { bytesRead } = await file.read(bytes, 0, HEADER, at);
    const size = Number(bytes.toString('latin1', 48, 58).trim());
    if (
      bytesRead !== HEADER ||
      bytes.toString('latin1', 58, 60) !== '`\n' ||
      !Number.isSafeInteger(size) ||
      size < 0
    )
      throw refused('unreadable', 'The package is a damaged ar archive');
    const offset = at + HEADER;
    if (offset + size > total) throw refused('unreadable', 'The package is cut short');
    members.push({ name: bytes.toString('latin1', 0, 16).trim().replace(/\/$/, ''), offset, size });
    at = offset + size + (size % 2);
  }
  return members;
}

/** Hands on a member's bytes. */
export async function* memberBytes(path: string, { offset, size }: ArMember): AsyncGenerator<Buffer> {
  if (size === 0) return;
  for await (const part of createReadStream(path, { start: offset, end: offset + size - 1 }))
    yield part as Buffer;
}

function header(name: string, size: number): Buffer {
  const fields = [
    name.padEnd(16),
    '0'.padEnd(12),
    '0'.padEnd(6),
    '0'.padEnd(6),
    '100644'.padEnd(8),
    String(size).padEnd(10),
  ];
  return Buffer.from(`${fields.join('')}\`\n`, 'latin1');
}

/** Writes a new archive of some members of another, and one more at the end. */
export async function writeAr(
  output: string,
  from: string,
  members: readonly ArMember[],
  last: { readonly name: string; readonly content: Buffer },
): Promise<void> {
  const file = await open(output, 'wx', 0o600);
  try {
    await file.writeFile(MAGIC);
    for (const member of members) {
      await file.writeFile(header(member.name, member.size));
      for await (const part of memberBytes(from, member)) await file.writeFile(part);
      if (member.size % 2 === 1) await file.writeFile('\n');
    }
    await file.writeFile(Buffer.concat([header(last.name, last.content.length), last.content]));
    if (last.content.length % 2 === 1) await file.writeFile('\n');
  } finally {
    await file.close();
  }
}
