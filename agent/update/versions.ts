import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log.ts';
import type { UpdateState } from './state.ts';

export interface Chosen {
  readonly version: string;
  readonly file: string;
}

/** Decides which version of the worker runs. */
export class VersionChoice {
  readonly #state: UpdateState;
  readonly #builtin: Chosen;
  readonly #log: Logger;

  constructor(state: UpdateState, builtin: Chosen, log: Logger) {
    this.#state = state;
    this.#builtin = builtin;
    this.#log = log;
  }

  /** What keeps a downloaded version from being run; undefined if nothing does. */
  async flawOf(file: string, sha256: string): Promise<string | undefined> {
    const content = await readFile(file).catch(() => undefined);
    if (content === undefined) return 'its file is missing';
    const actual = createHash('sha256').update(content).digest('hex');
    return actual === sha256 ? undefined : 'its file was changed after the download';
  }

  /** The version that was updated to, if it is whole and no newer package was installed since; else the builtin. */
  async current(): Promise<Chosen> {
    const current = await this.#state.current();
    if (current === undefined) return this.#builtin;
    const file = this.#state.file(current.version);
    const flaw =
      current.launcher === this.#builtin.version
        ? await this.flawOf(file, current.sha256)
        : `version ${this.#builtin.version} was installed after it`;
    if (flaw === undefined) return { version: current.version, file };
    this.#log.warn('The version that was updated to is not used any more', {
      version: current.version,
      reason: flaw,
    });
    await this.#state.dropCurrent();
    return this.#builtin;
  }

  /** What ran before `chosen`: the update before it, if that is whole, else the builtin; of that nothing. */
  async before(chosen: Chosen): Promise<Chosen | undefined> {
    if (chosen.file === this.#builtin.file) return undefined;
    const current = await this.#state.current();
    if (current?.previous === undefined || current.previous_sha256 === undefined) return this.#builtin;
    const file = this.#state.file(current.previous);
    const flaw = await this.flawOf(file, current.previous_sha256);
    return flaw === undefined ? { version: current.previous, file } : this.#builtin;
  }
}

/** Removes downloaded versions other than those named. */
export async function removeOtherVersions(directory: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!kept.includes(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}
