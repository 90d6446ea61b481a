import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from '../../runtime/logger.ts';
import type { ApiEnv } from '../context.ts';

/** So frequent that only failures are worth a line. */
const QUIET = /\/heartbeat\/?$|^\/health\//;

/** Whatever else a caller makes up (HTTP/2 takes any word) must not make series of metrics without end. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A request that was answered. Paths are logged, bodies and credentials never. */
export interface Answered {
  readonly method: string;
  readonly path: string;
  /** Its pattern, as metrics tell it. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  readonly correlationId: string;
  readonly agentId: string | undefined;
  readonly operator?: string | undefined;
}

/** Makes one log line and one observation a request. */
export function createObserver(
  listener: string,
  logger: Logger,
  metrics: Registry,
): (answered: Answered) => void {
  const duration =
    (metrics.getSingleMetric('eucora_http_request_seconds') as Histogram | undefined) ??
    new Histogram({
      name: 'eucora_http_request_seconds',
      help: 'Time from request to answer',
      labelNames: ['listener', 'method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5],
      registers: [metrics],
    });
  return ({ method, path, route, status, seconds, correlationId, agentId, operator }) => {
    duration.observe(
      { listener, method: METHODS.has(method) ? method : 'other', route, status: String(status) },
      seconds,
    );
    const level = status >= 500 ? 'error' : QUIET.test(path) && status < 400 ? 'debug' : 'info';
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      {
        correlation_id: correlationId,
        method: method.slice(0, 16),
        path: path.slice(0, 500),
        status,
        duration_ms: Math.round(seconds * 1e6) / 1e3,
        ...(agentId === undefined ? {} : { agent_id: agentId }),
        ...(operator === undefined ? {} : { operator }),
      },
      'request',
    );
  };
}

/** Observes every request that passes. */
export function observe(observer: (answered: Answered) => void): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const began = performance.now();
    await next();
    observer({
      method: c.req.method,
      path: c.req.path,
      route: routePath(c, -1),
      status: c.res.status,
      seconds: (performance.now() - began) / 1_000,
      correlationId: c.var.correlationId,
      agentId: c.var.agentId,
      operator: c.var.operator?.name,
    });
  };
}
