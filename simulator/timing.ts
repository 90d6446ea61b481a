import { setTimeout as delay } from 'node:timers/promises';
import { type Progress, step } from '../cli/engines/progress.ts';

/** A step whose sign of life is what `text` says at the time. */
export function live<T>(
  progress: Progress,
  message: string,
  { text, everyMs }: { readonly text: () => string; readonly everyMs: number },
  work: () => Promise<T>,
): Promise<T> {
  return step(
    progress,
    message,
    async (detail) => {
      const timer = setInterval(() => detail(text()), Math.max(50, everyMs / 2));
      try {
        return await work();
      } finally {
        clearInterval(timer);
      }
    },
    everyMs,
  );
}

export interface Repetition {
  /** Ends it, and waits for the turn that is under way. @throws what a turn threw first */
  stop(): Promise<void>;
}

/** Does the work every so often, never twice at once; a turn that fails does not end it. */
export function repeat(everyMs: number, work: () => Promise<void>): Repetition {
  const ended = new AbortController();
  const failures: unknown[] = [];
  const loop = (async () => {
    for (;;) {
      await delay(everyMs, undefined, { signal: ended.signal }).catch(() => undefined);
      if (ended.signal.aborted) return;
      await work().catch((error: unknown) => failures.push(error));
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await loop;
      const [first] = failures.splice(0);
      if (first !== undefined) throw first;
    },
  };
}

/**
 * Asks until it is true.
 *
 * @returns false when the time is over before
 * @throws the signal's reason
 */
export async function untilTrue(
  holds: () => boolean | Promise<boolean>,
  forMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    if (await holds()) return true;
    await delay(250, undefined, { signal });
  }
  return false;
}
