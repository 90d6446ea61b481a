export interface Timer {
  cancelled: boolean;
}

interface Entry extends Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * One timer for a whole fleet: a ring of slots, each a few milliseconds wide. Setting a timer is an append; a slot
 * whose turn comes runs what is due and keeps what comes a round later.
 */
export class TimerWheel {
  readonly #slotMs: number;
  readonly #slots: Entry[][];
  readonly #now: () => number;
  #next: number;
  #timer: NodeJS.Timeout | undefined;
  #size = 0;
  #latest = 0;

  /** @param now milliseconds; by default those since the process began, with fractions */
  constructor(options: { slotMs?: number; slots?: number; now?: () => number } = {}) {
    this.#slotMs = options.slotMs ?? 5;
    this.#slots = Array.from({ length: options.slots ?? 16_384 }, () => []);
    this.#now = options.now ?? (() => performance.now());
    this.#next = Math.floor(this.#now() / this.#slotMs);
  }

  /** Timers that wait. */
  get size(): number {
    return this.#size;
  }

  /** How far behind its timers the wheel was at worst since this was last asked, in milliseconds. */
  takeLatest(): number {
    const latest = this.#latest;
    this.#latest = 0;
    return latest;
  }

  now(): number {
    return this.#now();
  }

  /** Runs `run` at that time of `now()`, or with the next turn when it has passed. */
  at(time: number, run: () => void): Timer {
    const entry: Entry = { at: time, run, cancelled: false };
    this.#insert(entry);
    this.#size += 1;
    return entry;
  }

  after(ms: number, run: () => void): Timer {
    return this.at(this.#now() + ms, run);
  }

  start(): void {
    this.#timer ??= setInterval(() => this.turn(), this.#slotMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Runs everything that is due. */
  turn(): void {
    const now = this.#now();
    const last = Math.floor(now / this.#slotMs);
    // After a long pause each slot is looked at once, however many rounds have passed.
    const from = Math.max(this.#next, last - this.#slots.length + 1);
    this.#next = last + 1;
    for (let slot = from; slot <= last; slot += 1) this.#turnSlot(slot, now);
  }

  #turnSlot(slot: number, now: number): void {
    const index = slot % this.#slots.length;
    const entries = this.#slots[index];
    if (entries === undefined || entries.length === 0) return;
    this.#slots[index] = [];
    for (const entry of entries) {
      if (entry.cancelled) this.#size -= 1;
      // What is due later within this very slot runs now: its width is the wheel's precision.
      else if (entry.at >= (Math.floor(now / this.#slotMs) + 1) * this.#slotMs)
        this.#slots[index]?.push(entry);
      else {
        this.#size -= 1;
        this.#latest = Math.max(this.#latest, now - entry.at);
        entry.run();
      }
    }
  }

  #insert(entry: Entry): void {
    const slot = Math.max(Math.floor(entry.at / this.#slotMs), this.#next);
    this.#slots[slot % this.#slots.length]?.push(entry);
  }
}
