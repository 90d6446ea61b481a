/** Longest delay that timers take; beyond it Node fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** Waits; resolves early when `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, MAX_TIMER_MS));
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Calls `act` after `ms`, however long that is; returns what calls it off. */
export function schedule(ms: number, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    const part = Math.min(left, MAX_TIMER_MS);
    timer = setTimeout(() => (left > part ? arm(left - part) : act()), part);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** Waits until woken or until `ms` have passed, whichever comes first. */
export class Waker {
  #wake: (() => void) | undefined;
  #woken = false;

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken) {
      const early = new AbortController();
      const stop = () => early.abort();
      this.#wake = stop;
      signal.addEventListener('abort', stop, { once: true });
      if (!signal.aborted) await sleep(ms, early.signal);
      signal.removeEventListener('abort', stop);
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
