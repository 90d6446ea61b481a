export type Random = () => number;

export interface BackoffOptions {
  readonly baseMs?: number;
  readonly capMs?: number;
  readonly random?: Random;
}

/** Exponential backoff with full jitter: a fleet that lost its platform must not come back as one. */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: Random;
  #failures = 0;

  constructor({ baseMs = 1_000, capMs = 300_000, random = Math.random }: BackoffOptions = {}) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** Milliseconds to wait after one more failure; never less than what the platform asked for. */
  next(retryAfterMs = 0): number {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(retryAfterMs + this.#random() * ceiling);
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** `ms`, spread evenly by plus and minus `share` of itself. */
export function spread(ms: number, share: number, random: Random = Math.random): number {
  return Math.round(ms * (1 + share * (2 * random() - 1)));
}
