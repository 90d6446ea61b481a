import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../context.ts';

/** Methods that the documented routes take at a path, itself or by a parameter; empty when there is no such path. */
export function allowedMethods(app: OpenAPIHono<ApiEnv>, path: string): string[] {
  const plain = path.replace(/(.)\/$/, '$1');
  const routes = app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' ? [definition.route] : [],
  );
  const literal = routes.filter((route) => route.path === plain);
  const matching = routes.filter((route) =>
    new RegExp(`^${route.path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(plain),
  );
  const methods = (literal.length > 0 ? literal : matching).map((route) => route.method.toUpperCase());
  return [...new Set(methods)].sort();
}
