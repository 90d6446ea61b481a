import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { LaidOut } from '../build/walk.ts';
import { PackagingError } from '../errors.ts';
import type { ModeOf } from './bom-writer.ts';

const KINDS = { file: 0o100_000, folder: 0o040_000, link: 0o120_000 } as const;
/** Eleven octal digits. */
const MAX_SIZE = 0o77_777_777_777;

function header(name: string, fields: { inode: number; mode: number; links: number; size: number }): Buffer {
  if (fields.size > MAX_SIZE)
    throw new PackagingError(
      'build-failed',
      `${name} is larger than the 8 GiB that a macOS package can carry`,
    );
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  const bytes = Buffer.from(`${name}\0`);
  const text = [
    '070707',
    octal(0, 6),
    // Numbers only tell hard links apart, of which there are none.
    octal(fields.inode % 0o777_777, 6),
    octal(fields.mode, 6),
    octal(0, 6),
    octal(0, 6),
    octal(fields.links, 6),
    octal(0, 6),
    octal(0, 11),
    octal(bytes.length, 6),
    octal(fields.size, 11),
  ].join('');
  return Buffer.concat([Buffer.from(text, 'latin1'), bytes]);
}

/** A portable cpio archive ("odc") of everything below a folder, owned by root, as a stream of chunks. */
export async function* writeCpio(
  root: string,
  entries: readonly LaidOut[],
  modeOf: ModeOf,
): AsyncGenerator<Buffer> {
  let inode = 1;
  const folder = { path: '', kind: 'folder' } as const;
  for (const entry of [folder, ...entries]) {
    const name = entry.path === '' ? '.' : `./${entry.path}`;
    const mode = KINDS[entry.kind] | modeOf(entry);
    const links = entry.kind === 'folder' ? 2 : 1;
    inode += 1;
    if (entry.kind === 'link') {
      const target = Buffer.from(entry.target);
      yield header(name, { inode, mode, links, size: target.length });
      yield target;
    } else if (entry.kind === 'folder') yield header(name, { inode, mode, links, size: 0 });
    else {
      yield header(name, { inode, mode, links, size: entry.size });
      for await (const part of createReadStream(join(root, entry.path))) yield part as Buffer;
    }
  }
  yield header('TRAILER!!!', { inode: 0, mode: 0, links: 1, size: 0 });
}
