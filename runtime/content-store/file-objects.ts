import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Objects } from './objects.ts';

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;

/** Objects as files of one folder, which several machines may share. */
export class FileObjects implements Objects {
  readonly stagingFolder: string;

  constructor(folder: string) {
    this.stagingFolder = folder;
  }

  async put(path: string, sha256: string): Promise<void> {
    const target = this.#path(sha256);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    // A link, unlike a rename, never replaces what is there.
    await link(path, target).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    // The name must outlive a loss of power as the content does.
    const folder = await open(dirname(target), 'r');
    await folder.sync().finally(() => folder.close());
  }

  size(sha256: string): Promise<number | undefined> {
    return stat(this.#path(sha256)).then(
      (found) => found.size,
      () => undefined,
    );
  }

  async read(sha256: string, start: number, end: number): Promise<Readable | undefined> {
    try {
      const file = await open(this.#path(sha256), 'r');
      if (end >= start) return file.createReadStream({ start, end });
      await file.close();
      return Readable.from([]);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.#path(sha256), { force: true });
  }

  #path(sha256: string): string {
    return join(this.stagingFolder, sha256.slice(0, 2), sha256);
  }
}
