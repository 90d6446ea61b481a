import { randomUUID } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import { CORRELATION_ID_HEADER, CORRELATION_ID_PATTERN } from '../../contracts/http/common.ts';
import type { ApiEnv } from '../context.ts';

/** The caller's correlation id, if it is one, or a new one. */
export function correlationIdOf(given: string | undefined): string {
  return given !== undefined && CORRELATION_ID_PATTERN.test(given) ? given : randomUUID();
}

/** Takes the caller's correlation id, if it is one, or makes one; returns it with every answer. */
export const correlation = createMiddleware<ApiEnv>(async (c, next) => {
  const correlationId = correlationIdOf(c.req.header(CORRELATION_ID_HEADER));
  c.set('correlationId', correlationId);
  await next();
  c.res.headers.set(CORRELATION_ID_HEADER, correlationId);
});
