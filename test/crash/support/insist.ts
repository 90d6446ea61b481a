import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../harness/agent-client.ts';

const GIVE_UP_MS = 120_000;
const SILENCE_MS = 15_000;

/** Repeats a request until it is answered, as agents and careful operators do: 5xx and 429 are no answers. */
export async function insist(send: () => Promise<Answer>): Promise<Answer> {
  const until = performance.now() + GIVE_UP_MS;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.6, 1_000)) {
    try {
      const answer = await within(SILENCE_MS, send());
      if (answer.status < 500 && answer.status !== 429) return answer;
      if (answer.status === 500) unexpected.push(JSON.stringify(answer.body));
      if (performance.now() > until) throw new Error(`only ${answer.status}`);
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await delay(pauseMs * (0.5 + Math.random()));
  }
}

/** Answers with status 500: an engine that is away is a 503, so these are faults of the platform. */
export const unexpected: string[] = [];

export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(milliseconds, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${milliseconds} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

/** Looks until `look` answers something. @throws with `what` when it takes too long */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await delay(100);
  } while (performance.now() < until);
  const why = last instanceof Error ? `: ${last.message}` : '';
  throw new Error(`${what}: not within ${timeoutMs} ms${why}`, { cause: last });
}
