import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../runtime/logger.ts';

/** How often a relay looks. */
export interface Rhythm {
  /** Between two looks while there is work. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** What is logged when a look itself fails. */
  readonly trouble: string;
}

const TROUBLE_PAUSE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/** Tells workflows what the database has noted for them, look by look, until it is stopped. */
export abstract class Relay {
  readonly #rhythm: Rhythm;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  protected constructor(rhythm: Rhythm, logger: Logger) {
    this.#rhythm = rhythm;
    this.#logger = logger;
  }

  /** Tells one batch. @returns how much there was to tell */
  abstract relayOnce(): Promise<number>;

  /** One look, with what belongs to it. @returns how much there was to do */
  protected look(): Promise<number> {
    return this.relayOnce();
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends after what is under way has been told. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { busyMs, idleMs, trouble } = this.#rhythm;
    while (!this.#stopped.signal.aborted) {
      let pause = idleMs;
      try {
        if ((await this.look()) > 0) pause = busyMs;
      } catch (error) {
        this.#logger.warn({ err: error }, trouble);
        pause = TROUBLE_PAUSE_MS;
      }
      await delay(pause, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }
}

/** Milliseconds until what could not be told so often is tried again. */
export const backoffMs = (attempts: number): number => Math.min(MAX_BACKOFF_MS, 250 * 2 ** attempts);
