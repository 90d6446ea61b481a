import { randomBytes } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';
import { writePrivateFile } from '../../runtime/files.ts';

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    // A file that is there and cannot be read must not be made anew.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a whole private file unless there is one. @returns whether it was ours */
async function writeFirst(path: string, content: string | Buffer): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    await writePrivateFile(temporary, content);
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The content of a private file, made when it is missing; of several setups at once all get the first one's. */
export async function keptFile(
  path: string,
  make: () => string | Buffer,
): Promise<{ readonly content: Buffer; readonly created: boolean }> {
  for (;;) {
    const known = await read(path);
    if (known !== undefined) return { content: known, created: false };
    const content = make();
    if (await writeFirst(path, content)) return { content: Buffer.from(content), created: true };
  }
}
