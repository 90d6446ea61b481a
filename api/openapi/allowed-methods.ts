import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../context.ts';

/** Methods that the documented routes take at a path; empty when there is no such path. */
export function allowedMethods(app: OpenAPIHono<ApiEnv>, path: string): string[] {
  const plain = path.replace(/(.)\/$/, '$1');
  const methods = app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return [];
    const pattern = new RegExp(`^${definition.route.path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
    return pattern.test(plain) ? [definition.route.method.toUpperCase()] : [];
  });
  return [...new Set(methods)].sort();
}
