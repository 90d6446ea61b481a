import type { FailureLimit, Gates, Ring } from './rings.ts';
import type { FailureKind, RingState } from './states.ts';

/** What is known of the devices of one ring; every device is counted in exactly one of the first six. */
export interface RingCounts {
  readonly waiting: number;
  /** Their agents have a task that has not ended. */
  readonly dispatched: number;
  readonly installed: number;
  readonly sick: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of `waiting` and `dispatched`: devices that cannot be reached now. */
  readonly unreachable: number;
  readonly failed_by_kind: Readonly<Partial<Record<FailureKind, number>>>;
}

export interface RingTimes {
  readonly now: Date;
  readonly base: Date;
  readonly soak_started_at: Date | null;
}

/**
 * What is to be done with a ring: `fill` goes on giving tasks, `soak` begins or goes on with the wait, `pass` lets the
 * next ring begin, `hold` needs a person, `stop` is the end of the rollout.
 */
export interface Verdict {
  readonly what: 'fill' | 'soak' | 'pass' | 'hold' | 'stop';
  readonly reason: string;
  /** When the verdict may change although no device says anything. */
  readonly look_again_at: Date | null;
}

export const sizeOf = (counts: RingCounts): number =>
  counts.waiting + counts.dispatched + counts.installed + counts.sick + counts.failed + counts.skipped;

export const startOf = (ring: Ring, base: Date): Date =>
  new Date(base.getTime() + ring.starts_after_seconds * 1_000);

export const deadlineOf = (ring: Ring, base: Date): Date | null =>
  ring.deadline_after_seconds === undefined
    ? null
    : new Date(base.getTime() + ring.deadline_after_seconds * 1_000);

const percentOf = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);

function exceeds(limit: FailureLimit, failures: number, outcomes: number, judgeAfter: number): boolean {
  if ('count' in limit) return failures > limit.count;
  return failures > 0 && outcomes >= judgeAfter && percentOf(failures, outcomes) > limit.percent;
}

const inWords = (limit: FailureLimit): string => ('count' in limit ? `${limit.count}` : `${limit.percent} %`);

/** Why the failures of a ring stop the rollout; undefined if they do not. */
export function tooManyFailures(gates: Gates, counts: RingCounts): string | undefined {
  const outcomes = counts.installed + counts.sick + counts.failed;
  const kinds = { ...counts.failed_by_kind, sick: counts.sick };
  for (const [kind, limit] of Object.entries(gates.max_failures_by_kind)) {
    const failures = kinds[kind as keyof typeof kinds] ?? 0;
    if (limit !== undefined && exceeds(limit, failures, outcomes, gates.judge_after))
      return `${failures} of ${outcomes} devices: ${kind}; more than ${inWords(limit)}`;
  }
  const failures = counts.sick + counts.failed;
  if (!exceeds(gates.max_failures, failures, outcomes, gates.judge_after)) return undefined;
  return `${failures} of ${outcomes} devices failed (${counts.failed}) or became sick (${counts.sick}); more than ${inWords(gates.max_failures)}`;
}

/** Judges a ring that has begun, by its devices and the time. */
export function judgeRing(ring: Ring, state: RingState, counts: RingCounts, times: RingTimes): Verdict {
  const { gates } = ring;
  const failures = tooManyFailures(gates, counts);
  if (failures !== undefined) return { what: 'stop', reason: failures, look_again_at: null };

  const deadline = deadlineOf(ring, times.base);
  const late = deadline !== null && deadline <= times.now;
  const size = sizeOf(counts);
  const open = counts.waiting + counts.dispatched;
  const reached = percentOf(size - open, size);
  if (state === 'ROLLING' && open > 0) {
    const enough = reached >= gates.reach_percent;
    // Those who can be reached are not left behind, unless time is up.
    if (!late && (!enough || open > counts.unreachable))
      return {
        what: 'fill',
        reason: `${size - open} of ${size} devices have an outcome`,
        look_again_at: deadline,
      };
    if (!enough) {
      const reason = `the deadline of the ring has passed, and ${size - open} of ${size} devices have an outcome; ${gates.reach_percent} % are needed`;
      return { what: 'hold', reason, look_again_at: null };
    }
  }
  return judgeSoak(ring, counts, times);
}

function judgeSoak(ring: Ring, counts: RingCounts, { now, soak_started_at }: RingTimes): Verdict {
  const outcomes = counts.installed + counts.sick + counts.failed;
  const success = outcomes === 0 ? 100 : percentOf(counts.installed, outcomes);
  const ends = new Date((soak_started_at ?? now).getTime() + ring.soak_seconds * 1_000);
  // Nobody to watch: there is nothing that could show.
  if (ends > now && outcomes > 0)
    return { what: 'soak', reason: `soaks until ${ends.toISOString()}`, look_again_at: ends };
  if (success >= ring.gates.success_percent)
    return {
      what: 'pass',
      reason: `${counts.installed} of ${outcomes} devices installed`,
      look_again_at: null,
    };
  const reason = `${counts.installed} of ${outcomes} devices installed; ${ring.gates.success_percent} % are needed to go on`;
  return { what: 'hold', reason, look_again_at: null };
}
