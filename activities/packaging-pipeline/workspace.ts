import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from '../../runtime/files.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The folder of one pipeline on this machine, and what has been made in it. */
export class Workspace {
  /** Given to the tools. */
  readonly tools: string;
  readonly #notes: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.tools = join(root, 'work');
    this.#notes = join(root, 'notes');
  }

  /** A file beside the tools' own folder. */
  path(name: string): string {
    return join(this.#root, name);
  }

  async open(): Promise<void> {
    await mkdir(this.tools, { recursive: true, mode: 0o700 });
    await mkdir(this.#notes, { recursive: true, mode: 0o700 });
  }

  /** What a part was noted to be once it was made; undefined when it was not, or not here. */
  async noted<T>(part: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#notes, part), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Notes that a part is made, for steps that follow and for this one when it is tried again. */
  async note(part: string, outcome: unknown): Promise<void> {
    await writePrivateFile(join(this.#notes, part), JSON.stringify(outcome));
  }

  /** The part is made again when it is next asked for. */
  async forget(part: string): Promise<void> {
    await rm(join(this.#notes, part), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.#root, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The workspaces on this machine. */
export class Workspaces {
  readonly #folder: string;
  constructor(folder: string) {
    this.#folder = folder;
  }

  of(pipelineId: string): Workspace {
    if (!UUID.test(pipelineId)) throw new TypeError(`${pipelineId} is no id of a pipeline`);
    return new Workspace(join(this.#folder, pipelineId));
  }

  /** Removes workspaces of pipelines that need none any more. @returns how many */
  async sweep(openAmong: (ids: string[]) => Promise<readonly string[]>): Promise<number> {
    const found = await readdir(this.#folder).catch(() => []);
    const ids = found.filter((name) => UUID.test(name));
    if (ids.length === 0) return 0;
    const open = new Set(await openAmong(ids));
    const left = ids.filter((id) => !open.has(id));
    for (const id of left) await this.of(id).remove();
    return left.length;
  }
}
