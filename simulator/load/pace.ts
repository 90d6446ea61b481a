/** A rate of tasks, and what was learnt about it. */
export interface Pace {
  /** Tasks a second. */
  readonly rate: number;
  /** Up to here it may grow quickly: what lay above it hurt before. */
  readonly known: number;
  /** Looks for which the rate stays, so that the last change can show. */
  readonly patience: number;
}

/** What a look at the platform found. */
export interface Strain {
  readonly heartbeatP99Ms: number;
  /** Changes that workflows have not heard of in time. */
  readonly overdue: number;
  /** Tasks a second that agents have begun lately: what the platform feels of the rates of the last minute. */
  readonly begun: number;
  /** Share of the machine's processors that had work to do, 0 to 1. */
  readonly busy: number;
}

export const FIRST_PACE: Pace = { rate: 2, known: Number.POSITIVE_INFINITY, patience: 0 };

const MOST = 500;
const LEAST = 0.5;
/** Heartbeats at or below it leave room for more tasks; in milliseconds. */
const EASY_MS = 150;
/** Above it check-ins suffer. */
const HARD_MS = 400;
/** With less than this left of the processors, latencies are about to rise. */
const BUSY = 0.85;
const QUICK = 1.06;
const SLOW = 1.01;
const LESS = 0.7;
const BELOW_WHAT_HURT = 0.85;
const PATIENCE = 4;
/** How far orders may be ahead of what is felt, for an agent hears of its task half a minute later on the average. */
const AHEAD = 1.2;
const AHEAD_AT_LEAST = 1;

/**
 * As senders find what a line takes: quickly up to what hurt before, slowly beyond it, and less when somebody suffers.
 * What is still on its way counts: neither grows it far beyond what is felt, nor is it punished twice for the same orders.
 */
export function nextPace(pace: Pace, { heartbeatP99Ms, overdue, begun, busy }: Strain): Pace {
  const { rate, known, patience } = pace;
  if (patience > 0) return { ...pace, patience: patience - 1 };
  if (heartbeatP99Ms > HARD_MS || overdue > 20 + 3 * rate) {
    const isFeltStill = begun > rate * AHEAD;
    if (isFeltStill) return pace;
    return { rate: Math.max(LEAST, rate * LESS), known: rate * BELOW_WHAT_HURT, patience: PATIENCE };
  }
  if (heartbeatP99Ms > EASY_MS || overdue > 5 + rate || busy > BUSY) return pace;
  const more = rate < known ? Math.min(known, rate * QUICK + 0.1) : rate * SLOW;
  return { ...pace, rate: Math.max(rate, Math.min(MOST, more, begun * AHEAD + AHEAD_AT_LEAST)) };
}
