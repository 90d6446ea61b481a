import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { types } from 'node:util';
import type { z } from 'zod';
import { messageOf } from '../log.ts';

export const PRIVATE_DIRECTORY = 0o700;
export const PRIVATE_FILE = 0o600;

/** Whether `error` is a system error with this code, for example ENOENT. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return types.isNativeError(error) && 'code' in error && codes.includes(String(error.code));
}

/** Makes the directory, or makes an existing one private. */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
  await chmod(path, PRIVATE_DIRECTORY);
}

/** Windows refuses to rename over a file that a virus scanner holds open just then. */
async function renameOver(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rename(from, to);
    } catch (error) {
      if (attempt >= 5 || !hasCode(error, 'EPERM', 'EBUSY', 'EACCES')) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 20));
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open directories; there the rename itself is journaled.
  const directory = await open(path, 'r').catch(() => undefined);
  try {
    await directory?.sync().catch(() => undefined);
  } finally {
    await directory?.close();
  }
}

/** Writes a private file whole or not at all, on disk when the promise resolves. */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', PRIVATE_FILE);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameOver(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomic(path, `${JSON.stringify(value)}\n`);

export type Read<T> =
  | { readonly found: 'yes'; readonly value: T }
  | { readonly found: 'no' }
  | { readonly found: 'corrupt'; readonly reason: string };

/** Undefined when there is no such file. */
export async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Checks the content of a JSON file; what is there but cannot be understood is told apart from what is missing. */
export function parseJson<T>(content: string | undefined, schema: z.ZodType<T>): Read<T> {
  if (content === undefined) return { found: 'no' };
  try {
    return { found: 'yes', value: schema.parse(JSON.parse(content)) };
  } catch (error) {
    return { found: 'corrupt', reason: messageOf(error).slice(0, 500) };
  }
}

/** Reads and checks a JSON file. */
export const readJson = async <T>(path: string, schema: z.ZodType<T>): Promise<Read<T>> =>
  parseJson(await contentOf(path), schema);

/** Of a file as it lies on the disk, read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Puts a file that cannot be understood aside, so that it is not met again and can still be looked at. */
export async function quarantine(path: string): Promise<void> {
  await rename(path, `${path}.corrupt`).catch(() => undefined);
}
