import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../../contracts/config.ts';
import { ApiError } from '../problems.ts';

/** Limits of one process; a limit of the whole fleet is as many times higher as there are replicas. */
export interface Limits {
  readonly enrolments: RateLimiterMemory;
  readonly failures: RateLimiterMemory;
  readonly agentRequests: RateLimiterMemory;
}

export function createLimits(config: Config): Limits {
  const perMinute = (points: number) => new RateLimiterMemory({ points, duration: 60 });
  return {
    enrolments: perMinute(config.EUCORA_ENROLMENTS_PER_MINUTE),
    failures: perMinute(config.EUCORA_AUTH_FAILURES_PER_MINUTE),
    agentRequests: perMinute(config.EUCORA_REQUESTS_PER_MINUTE),
  };
}

/** Takes one point of `key`. @returns undefined, or the refusal and whether it is the first of this minute */
export async function takePoint(
  limiter: RateLimiterMemory,
  key: string,
): Promise<undefined | { error: ApiError; first: boolean }> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return { error: tooMany(refusal), first: refusal.consumedPoints === limiter.points + 1 };
  }
}

/** The refusal of `key` if its points are used up; takes none. */
export async function exhausted(limiter: RateLimiterMemory, key: string): Promise<ApiError | undefined> {
  const state = await limiter.get(key);
  return state !== null && state.consumedPoints >= limiter.points ? tooMany(state) : undefined;
}

function tooMany(state: RateLimiterRes): ApiError {
  const retryAfterSeconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
  return new ApiError('rate-limited', `Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}
