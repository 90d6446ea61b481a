import { createRoute, type RouteConfig } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../contracts/http/errors.ts';
import { problemSchema } from '../../contracts/http/problem.ts';
import type { ApiEnv } from '../context.ts';

/** Every route may answer so. */
const COMMON: readonly ErrorCode[] = [
  'invalid-request',
  'validation-failed',
  'rate-limited',
  'internal-error',
  'unavailable',
];

/** Documents the problems that a route may answer with, one entry a status. */
export function problems(
  codes: readonly ErrorCode[],
): Record<
  number,
  { description: string; content: { 'application/problem+json': { schema: typeof problemSchema } } }
> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...codes, ...COMMON])) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

/** A JSON body that must be there. */
export const json = <Schema extends z.ZodType>(schema: Schema) =>
  ({ required: true, content: { 'application/json': { schema } } }) as const;

/** A JSON body that may be left out; the handler then gets `{}`, without the schema's defaults. */
export const optionalJson = <Schema extends z.ZodType>(schema: Schema) =>
  ({ required: false, content: { 'application/json': { schema } } }) as const;

/** A JSON answer. */
export const answer = <Schema extends z.ZodType>(description: string, schema: Schema) =>
  ({ description, content: { 'application/json': { schema } } }) as const;

/** A route with the middleware that guards it. */
export function guarded<const Config extends RouteConfig>(
  config: Config,
  ...middleware: MiddlewareHandler<ApiEnv>[]
) {
  return createRoute({ ...config, middleware });
}
