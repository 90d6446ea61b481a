import { rm } from 'node:fs/promises';
import { ConfigurationError } from '../exit-codes.ts';
import { readJson, writeJson } from '../storage/files.ts';
import type { Home } from '../storage/home.ts';
import { type Identity, identitySchema, type Reenrolment, reenrolmentSchema } from './identity.ts';

/** The identity on disk: the one in use, and a renewed one until it is proven. */
export class IdentityStore {
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  /** @throws ConfigurationError when the file is there but broken: a key cannot be guessed */
  async load(): Promise<Identity | undefined> {
    const read = await readJson(this.#home.identity, identitySchema);
    if (read.found === 'corrupt') {
      throw new ConfigurationError(
        `${this.#home.identity} cannot be understood (${read.reason}). Restore it, or remove it and give the agent a registration key to enrol again.`,
      );
    }
    return read.found === 'yes' ? read.value : undefined;
  }

  async save(identity: Identity): Promise<void> {
    await writeJson(this.#home.identity, identity);
  }

  async loadNext(): Promise<Identity | undefined> {
    const read = await readJson(this.#home.nextIdentity, identitySchema);
    return read.found === 'yes' ? read.value : undefined;
  }

  saveNext(identity: Identity): Promise<void> {
    return writeJson(this.#home.nextIdentity, identity);
  }

  async dropNext(): Promise<void> {
    await rm(this.#home.nextIdentity, { force: true });
  }

  async loadReenrolment(): Promise<Reenrolment | undefined> {
    const read = await readJson(this.#home.reenrolment, reenrolmentSchema);
    return read.found === 'yes' ? read.value : undefined;
  }

  saveReenrolment(reenrolment: Reenrolment): Promise<void> {
    return writeJson(this.#home.reenrolment, reenrolment);
  }
}
