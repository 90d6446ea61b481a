import { storable } from './text.ts';

const MAX_AGE_MS = 900_000;

/**
 * What is wrong with the agent itself (not with a task), by source. The latest is told with every heartbeat and
 * makes the agent DEGRADED; it ends when the source works again, at the latest after a quarter of an hour.
 */
export class Troubles {
  readonly #bySource = new Map<string, { message: string; at: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  report(source: string, message: string): void {
    this.#bySource.delete(source);
    this.#bySource.set(source, { message: storable(`${source}: ${message}`, 2_000), at: this.#now() });
  }

  clear(source: string): void {
    this.#bySource.delete(source);
  }

  /** The latest trouble, for `last_error`; null when all is well. */
  get last(): string | null {
    const young = [...this.#bySource.values()].filter(({ at }) => this.#now() - at < MAX_AGE_MS);
    return young.at(-1)?.message ?? null;
  }
}
