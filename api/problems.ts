import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERRORS, type ErrorCode } from '../contracts/http/errors.ts';
import { type Problem, problemType } from '../contracts/http/problem.ts';
import { OverloadedError } from '../db/batch/group-commit.ts';
import { isUnavailable } from '../db/database.ts';
import { InvalidCursorError } from '../db/stores/keyset.ts';
import { SigningRequestError } from '../runtime/certificates/signing-request.ts';
import type { ApiEnv } from './context.ts';

export type ProblemExtras = Pick<Problem, 'errors' | 'task_status' | 'incident_status'> & {
  readonly retryAfterSeconds?: number;
};

/** What a handler throws to answer with problem details. The detail is shown to the caller. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly extras: ProblemExtras;

  constructor(code: ErrorCode, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.code = code;
    this.extras = extras;
  }
}

const UNAVAILABLE_DETAIL =
  'The database cannot be reached or is too busy. Nothing was lost; try again shortly.';

const BROKEN_OFF = new Set(['ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE']);

/** The caller went away, or was ended, before its body was here; the answer is for the log only. */
export function isBrokenOff(error: Error, c: Context<ApiEnv>): boolean {
  const { incoming } = c.env;
  if (error.message === 'Client connection prematurely closed.' || error === incoming.errored) return true;
  return incoming.aborted && BROKEN_OFF.has(String((error as NodeJS.ErrnoException).code));
}

/** What an error means to the caller. Whatever is not known becomes an internal error that tells nothing. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof InvalidCursorError)
    return new ApiError('invalid-cursor', 'Start again from the first page, without a cursor.');
  if (error instanceof SigningRequestError) {
    return new ApiError('validation-failed', error.message, {
      errors: [{ path: 'csr', message: error.message }],
    });
  }
  if (error instanceof OverloadedError || isUnavailable(error))
    return new ApiError('unavailable', UNAVAILABLE_DETAIL, { retryAfterSeconds: 5 });
  if (error instanceof HTTPException && error.status < 500) {
    if (error.status === 413) return new ApiError('payload-too-large', 'Send a smaller body.');
    if (error.status === 415) return new ApiError('unsupported-media-type', 'Send JSON.');
    return new ApiError('invalid-request', 'The body is not well-formed JSON.');
  }
  return new ApiError(
    'internal-error',
    'The error was logged under the correlation id. Tell it to those who run the platform.',
  );
}

/** The answer to a failed request, RFC 9457. */
export function problemResponse(c: Context<ApiEnv>, error: ApiError): Response {
  const { status, title } = ERRORS[error.code];
  const { retryAfterSeconds, ...extras } = error.extras;
  const problem: Problem = {
    type: problemType(error.code),
    title,
    status,
    code: error.code,
    detail: error.message,
    instance: c.req.path,
    correlation_id: c.var.correlationId,
    ...extras,
  };
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds));
  if (status === 401) c.header('WWW-Authenticate', 'Bearer');
  // The rest of the body is not read, so the connection (HTTP/2: only the stream) ends here.
  if (status === 413 && c.env.incoming.httpVersionMajor === 1) c.header('Connection', 'close');
  return c.body(JSON.stringify(problem), status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}
