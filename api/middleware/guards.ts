import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from '../context.ts';
import { ApiError } from '../problems.ts';

/** Bodies of routes that take JSON must say that they are JSON, and be no larger than `maxBytes`. */
export function requireJson(maxBytes: number): MiddlewareHandler<ApiEnv> {
  const limit = limitBody(maxBytes);
  return (c, next) => {
    checkType(c);
    return limit(c, next);
  };
}

/** Like {@link requireJson}, where the body may be left out, with or without a content type. */
export function requireJsonIfAny(maxBytes: number): MiddlewareHandler<ApiEnv> {
  const limit = limitBody(maxBytes);
  return (c, next) =>
    limit(c, async () => {
      if ((await c.req.text()) === '') pretendEmptyObject(c);
      else checkType(c);
      await next();
    });
}

function checkType(c: Context<ApiEnv>): void {
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? ''))
    throw new ApiError('unsupported-media-type', 'Send JSON with the header Content-Type: application/json.');
}

function pretendEmptyObject(c: Context<ApiEnv>): void {
  // Validation reads the body from here; without one it would call the empty text malformed.
  // (Promises at run time; the library's type names what they resolve to.)
  c.req.bodyCache.text = Promise.resolve('{}') as unknown as string;
  // And from here it learns that there is none, which needs no content type.
  c.req.bodyCache.arrayBuffer = Promise.resolve(new ArrayBuffer(0)) as unknown as ArrayBuffer;
}

/** Refuses larger bodies before they are read. */
function limitBody(maxBytes: number): MiddlewareHandler<ApiEnv> {
  const tooLarge = () => {
    throw new ApiError('payload-too-large', `The body must not be larger than ${maxBytes} bytes.`);
  };
  const count = bodyLimit({ maxSize: maxBytes, onError: tooLarge });
  return (c, next) => {
    // A length that was declared is kept to by the HTTP parser; only bodies without one must be counted.
    const declared = c.req.header('content-length');
    if (declared === undefined || c.req.header('transfer-encoding') !== undefined) return count(c, next);
    return Number(declared) > maxBytes ? tooLarge() : next();
  };
}

/** Headers for answers that are read by programs; nothing of them is a page. */
export const apiHeaders = createMiddleware<ApiEnv>(async (c, next) => {
  await next();
  c.res.headers.set('X-Content-Type-Options', 'nosniff');
  if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
});

/** The error handler is only given Errors; whatever else is thrown would end as an answer without a word. */
export const throwErrors = createMiddleware<ApiEnv>(async (_c, next) => {
  try {
    await next();
  } catch (thrown) {
    if (thrown instanceof Error) throw thrown;
    const { message, code } = Object(thrown) as { message?: unknown; code?: unknown };
    throw Object.assign(new Error(String(message ?? thrown), { cause: thrown }), { code });
  }
});
