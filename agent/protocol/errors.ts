import { z } from 'zod';
import { ERROR_CODES, ERRORS, type ErrorCode } from '../../contracts/http/errors.ts';

/**
 * An answer that is not 2xx (RFC 9457). With a `code` it is the platform that said no; `unknown` is the word of
 * something on the way: a proxy, a load balancer, a firewall.
 */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';
  readonly status: number;
  readonly code: ErrorCode | 'unknown';
  /** With `task-state-conflict`: the state that the platform has decided on. */
  readonly taskStatus: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: KnownProblem, retryAfterMs: number | undefined) {
    super(problem.detail ?? problem.title ?? `The platform answered ${status}`);
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.taskStatus = problem.task_status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The platform did not answer, or not in a way that the contract knows. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The parts of a problem that the agent acts on; proxies on the way may send anything. */
const problemSchema = z.looseObject({
  title: z.string().optional().catch(undefined),
  detail: z.string().optional().catch(undefined),
  code: z.enum(ERROR_CODES).optional().catch(undefined),
  task_status: z.string().optional().catch(undefined),
});
type KnownProblem = z.infer<typeof problemSchema>;

const MAX_RETRY_AFTER_MS = 3_600_000;

/** Retry-After (seconds or a date) in milliseconds, at most an hour. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}

/** Makes the error for an answer that is not 2xx. */
export function platformError(status: number, body: string, retryAfterHeader: string | undefined) {
  let problem: KnownProblem = {};
  try {
    problem = problemSchema.parse(JSON.parse(body));
  } catch {
    // Not a problem document, so not from the platform.
  }
  // The platform never sends a code under another status; somebody else may use the same words.
  if (problem.code !== undefined && ERRORS[problem.code].status !== status) delete problem.code;
  return new PlatformError(status, problem, retryAfter(retryAfterHeader, Date.now()));
}

/**
 * What to do with what could not be said:
 * `retry` it later, since the platform is away, busy or broken, or something on the way answered in its place;
 * `identity`: keep it and settle first who this agent is; `refused`: the platform understood and decided
 * otherwise, never say it again.
 */
export type Verdict = 'retry' | 'identity' | 'refused';

const RETRIED = new Set([408, 425, 429]);

export function verdictOf(error: unknown): Verdict {
  if (!(error instanceof PlatformError) || error.code === 'unknown') return 'retry';
  if (error.status === 401 || error.code === 'agent-cloned') return 'identity';
  return error.status >= 500 || RETRIED.has(error.status) ? 'retry' : 'refused';
}

/** Whether something between agent and platform refused, which may pass, or may need an operator. */
export const isForeignRefusal = (error: unknown): error is PlatformError =>
  error instanceof PlatformError &&
  error.code === 'unknown' &&
  error.status < 500 &&
  !RETRIED.has(error.status);

/** Whether a smaller body may pass. A proxy’s bound counts like the platform’s: waiting does not change it. */
export const isTooLarge = (error: unknown): error is PlatformError =>
  error instanceof PlatformError && error.status === 413;

/** Whether the platform has shut this agent out for good: revoked, or deleted (its own path is gone). */
export function isShutOut(error: unknown): boolean {
  return error instanceof PlatformError && (error.code === 'agent-revoked' || error.code === 'not-found');
}

export const isCloned = (error: unknown): boolean =>
  error instanceof PlatformError && error.code === 'agent-cloned';
