import { copyFile, mkdir, open, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { refused } from '../errors.ts';
import { type GuardOptions, TreeGuard } from './tree-guard.ts';

/** Writes what a guard admits below one folder. Modes are reduced to whether a file can be executed. */
export class TreeWriter {
  readonly root: string;
  readonly guard: TreeGuard;
  readonly #signal: AbortSignal;
  readonly #strip: number;

  constructor(root: string, signal: AbortSignal, options: GuardOptions) {
    this.root = root;
    this.guard = new TreeGuard(options);
    this.#signal = signal;
    this.#strip = options.stripComponents ?? 0;
  }

  async folder(raw: string): Promise<void> {
    const path = this.guard.admit(raw, 'folder');
    if (path !== undefined) await mkdir(join(this.root, path), { recursive: true, mode: 0o755 });
  }

  async file(raw: string, mode: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.guard.admit(raw, 'file');
    if (path === undefined) {
      // Counted nevertheless: what is left out must be unpacked, too.
      for await (const part of content) this.guard.count(part.byteLength);
      return;
    }
    await this.#parent(path);
    // Exclusive, so that no link that came to be meanwhile is followed.
    const file = await open(join(this.root, path), 'wx', (mode & 0o111) === 0 ? 0o644 : 0o755);
    try {
      for await (const part of content) {
        this.#signal.throwIfAborted();
        this.guard.count(part.byteLength);
        await file.writeFile(part);
      }
    } finally {
      await file.close();
    }
  }

  async link(raw: string, target: string): Promise<void> {
    const path = this.guard.admit(raw, 'link');
    if (path === undefined) return;
    const written = this.guard.admitTarget(path, target);
    await this.#parent(path);
    await symlink(written, join(this.root, path));
  }

  /** A hard link becomes a copy of a file that came before it. `target` counts from the archive's root. */
  async hardLink(raw: string, target: string, size: (path: string) => Promise<number>): Promise<void> {
    const path = this.guard.admit(raw, 'file');
    if (path === undefined) return;
    const from = target
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .slice(this.#strip)
      .join('/');
    if (target.startsWith('/') || target.split('/').includes('..') || !this.guard.isFile(from))
      throw refused(
        'hard-link',
        `${JSON.stringify(path)} is a hard link to what is no earlier file of the source`,
      );
    this.guard.count(await size(join(this.root, from)));
    await this.#parent(path);
    await copyFile(join(this.root, from), join(this.root, path));
  }

  async #parent(path: string): Promise<void> {
    this.#signal.throwIfAborted();
    await mkdir(dirname(join(this.root, path)), { recursive: true, mode: 0o755 });
  }
}
