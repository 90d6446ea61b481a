import ipaddr from 'ipaddr.js';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../../contracts/config.ts';
import { ApiError } from '../problems.ts';

/** Limits of one process; a limit of the whole fleet is as many times higher as there are replicas. */
export interface Limits {
  readonly enrolments: RateLimiterMemory;
  /** Apart from each other: machines that knock in vain do not cost operators of the same address anything. */
  readonly agentFailures: RateLimiterMemory;
  readonly operatorFailures: RateLimiterMemory;
  readonly agentRequests: RateLimiterMemory;
}

export function createLimits(config: Config): Limits {
  const perMinute = (points: number) => new RateLimiterMemory({ points, duration: 60 });
  return {
    enrolments: perMinute(config.EUCORA_ENROLMENTS_PER_MINUTE),
    agentFailures: perMinute(config.EUCORA_AUTH_FAILURES_PER_MINUTE),
    operatorFailures: perMinute(config.EUCORA_AUTH_FAILURES_PER_MINUTE),
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

/** Takes one point of an address; addresses of IPv6 count by /64, which one machine has for itself. */
export function takeAddressPoint(limiter: RateLimiterMemory, address: string): ReturnType<typeof takePoint> {
  return takePoint(limiter, addressKey(address));
}

function addressKey(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}

function tooMany(state: RateLimiterRes): ApiError {
  const retryAfterSeconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
  return new ApiError('rate-limited', `Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}
