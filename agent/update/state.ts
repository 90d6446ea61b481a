import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { readJson, writeJson } from '../storage/files.ts';
import type { Home } from '../storage/home.ts';
import { VERSION_PATTERN } from '../version.ts';

const version = z.string().regex(VERSION_PATTERN);

/**
 * An update on its way. `requested` by the worker; all other states are the launcher's word: `trying` the new
 * version, then `committed` or `rolled_back`. The worker that runs in the end says the task's outcome and
 * removes the file.
 */
export const updateSchema = z.object({
  task_id: z.uuid(),
  from: version,
  to: version,
  sha256: z.string(),
  health_timeout_seconds: z.number(),
  state: z.enum(['requested', 'trying', 'committed', 'rolled_back']),
  attempts: z.number().int().default(0),
  reason: z.string().optional(),
});
export type Update = z.infer<typeof updateSchema>;

/** Which version runs; without this file the one that the launcher itself is. */
const currentSchema = z.object({
  version,
  sha256: z.string(),
  /** Version of the launcher that wrote it: a newly installed package goes before older updates. */
  launcher: z.string(),
  previous: version.optional(),
  /** Of the file of `previous`; without it the one before was the package's own. */
  previous_sha256: z.string().optional(),
});
export type Current = z.infer<typeof currentSchema>;

const healthySchema = z.object({ version: z.string(), pid: z.number().int() });

/** The files by which launcher and worker speak of versions; each is written whole or not at all. */
export class UpdateState {
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  /** File of a version that was downloaded. */
  file(ofVersion: string): string {
    const path = join(this.#home.versions, ofVersion, 'eucora-agent.mjs');
    if (relative(this.#home.versions, path).startsWith('..'))
      throw new Error(`${ofVersion} is not a version`);
    return path;
  }

  async update(): Promise<Update | undefined> {
    const read = await readJson(this.#home.update, updateSchema);
    return read.found === 'yes' ? read.value : undefined;
  }

  async setUpdate(update: Update): Promise<Update> {
    await writeJson(this.#home.update, update);
    return update;
  }

  async dropUpdate(): Promise<void> {
    await rm(this.#home.update, { force: true });
  }

  async current(): Promise<Current | undefined> {
    const read = await readJson(this.#home.current, currentSchema);
    return read.found === 'yes' ? read.value : undefined;
  }

  setCurrent(current: Current): Promise<void> {
    return writeJson(this.#home.current, current);
  }

  async dropCurrent(): Promise<void> {
    await rm(this.#home.current, { force: true });
  }

  /** Said by a worker after its first heartbeat was answered. */
  setHealthy(ofVersion: string, pid: number): Promise<void> {
    return writeJson(this.#home.healthy, { version: ofVersion, pid });
  }

  async isHealthy(ofVersion: string, pid: number | undefined): Promise<boolean> {
    return (await this.ownWord(pid)) === ofVersion;
  }

  /** The version that this worker says it is; undefined while it has said nothing. */
  async ownWord(pid: number | undefined): Promise<string | undefined> {
    const read = await readJson(this.#home.healthy, healthySchema);
    return read.found === 'yes' && read.value.pid === pid ? read.value.version : undefined;
  }

  async dropHealthy(): Promise<void> {
    await rm(this.#home.healthy, { force: true });
  }
}
