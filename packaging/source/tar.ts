import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { refused } from '../errors.ts';
import { unreadable } from './tree-guard.ts';
import type { TreeWriter } from './tree-writer.ts';

const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;

async function take(entry: ReadEntry, tree: TreeWriter): Promise<void> {
  switch (entry.type) {
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return tree.file(entry.path, entry.mode ?? 0, entry);
    case 'Directory':
    case 'GNUDumpDir':
      await tree.folder(entry.path);
      break;
    case 'SymbolicLink':
      await tree.link(entry.path, entry.linkpath ?? '');
      break;
    case 'Link':
      await tree.hardLink(entry.path, entry.linkpath ?? '', sizeOf);
      break;
    default:
      throw refused(
        'special-file',
        `${JSON.stringify(entry.path)} is a ${entry.type}: devices and pipes are not taken`,
      );
  }
  entry.resume();
}

async function feed(file: string, tree: TreeWriter, gzipped: boolean): Promise<void> {
  let failure: unknown;
  let work = Promise.resolve();
  const parser = new Parser({ strict: true });
  const fail = (error: unknown): void => {
    failure ??= error;
  };
  const onEntry = (entry: ReadEntry): void => {
    work = work
      .then(() => (failure === undefined ? take(entry, tree) : undefined))
      .catch((error: unknown) => {
        fail(error);
      })
      // The parser waits for each entry to be read to its end.
      .then(() => {
        if (failure !== undefined) entry.resume();
      });
  };
  parser.on('entry', onEntry);
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    fail(
      refused('special-file', `${JSON.stringify(entry.path)} is of a kind that is not taken: ${entry.type}`),
    );
  });
  parser.on('error', fail);
  const ended = once(parser, 'end');
  ended.catch(() => undefined);
  const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      if (failure !== undefined) throw failure;
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), ended]);
    }
  };
  const source = createReadStream(file);
  const read = gzipped ? pipeline(source, createGunzip(), write) : pipeline(source, write);
  // After a refusal the streams only say that they were broken off.
  await read.catch(fail);
  if (failure === undefined) {
    parser.end();
    await ended;
  }
  await work;
  if (failure !== undefined) throw failure;
}

/** Unpacks a tar archive, gzipped or not, through the guard. @throws PackagingError */
export async function unpackTar(file: string, tree: TreeWriter, gzipped: boolean): Promise<void> {
  await feed(file, tree, gzipped).catch((error: unknown) => {
    throw unreadable('tar archive', error);
  });
}
