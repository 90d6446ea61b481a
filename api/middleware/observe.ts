import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from '../../runtime/logger.ts';
import type { ApiEnv } from '../context.ts';

/** So frequent that only failures are worth a line. */
const QUIET = /\/heartbeat\/?$|^\/health\//;

/** Whatever else a caller makes up (HTTP/2 takes any word) must not make series of metrics without end. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** One log line and one observation a request. Paths are logged, bodies and credentials never. */
export function observe(listener: string, logger: Logger, metrics: Registry): MiddlewareHandler<ApiEnv> {
  const duration =
    (metrics.getSingleMetric('eucora_http_request_seconds') as Histogram | undefined) ??
    new Histogram({
      name: 'eucora_http_request_seconds',
      help: 'Time from request to answer',
      labelNames: ['listener', 'method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5],
      registers: [metrics],
    });
  return async (c, next) => {
    const began = performance.now();
    await next();
    const seconds = (performance.now() - began) / 1_000;
    const { status } = c.res;
    duration.observe(
      {
        listener,
        method: METHODS.has(c.req.method) ? c.req.method : 'other',
        route: routePath(c, -1),
        status: String(status),
      },
      seconds,
    );
    const level = status >= 500 ? 'error' : QUIET.test(c.req.path) && status < 400 ? 'debug' : 'info';
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      {
        correlation_id: c.var.correlationId,
        method: c.req.method.slice(0, 16),
        path: c.req.path.slice(0, 500),
        status,
        duration_ms: Math.round(seconds * 1e6) / 1e3,
        ...(c.var.agentId === undefined ? {} : { agent_id: c.var.agentId }),
        ...(c.var.operator === undefined ? {} : { operator: c.var.operator.name }),
      },
      'request',
    );
  };
}
