import { CliError, type ExitReason } from '../client/errors.ts';
import type { Io } from '../client/io.ts';

const SHORTEST_MS = 500;
const LONGEST_MS = 5_000;

export interface Following<T> {
  readonly read: () => Promise<T>;
  /** Shows it; tells whether it has changed. */
  readonly show: (seen: T) => boolean;
  readonly ended: (seen: T) => boolean;
  /** The platform does not answer. */
  readonly lost: () => void;
  /** Outage of the platform that is borne. */
  readonly patienceMs: number;
}

/** Asks again and again, less often while nothing changes, until what is followed has ended. */
export async function follow<T>(io: Io, { read, show, ended, lost, patienceMs }: Following<T>): Promise<T> {
  let pause = SHORTEST_MS;
  let lostSince: number | undefined;
  for (;;) {
    try {
      const seen = await read();
      lostSince = undefined;
      if (show(seen)) pause = SHORTEST_MS;
      if (ended(seen)) return seen;
    } catch (error) {
      if (!isOutage(error)) throw error;
      lostSince ??= io.now();
      if (io.now() - lostSince >= patienceMs) throw error;
      lost();
    }
    await io.sleep(pause);
    pause = Math.min(pause * 1.5, LONGEST_MS);
  }
}

const OUTAGE: ExitReason = 'unavailable';
const isOutage = (error: unknown): boolean => error instanceof CliError && error.reason === OUTAGE;
