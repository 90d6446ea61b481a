import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { ReadinessProbe } from '../../runtime/readiness.ts';

/** Health and metrics of a worker, for its supervisor and for Prometheus; meant for a private address. */
export function healthApp(probe: ReadinessProbe, metrics: Registry): Hono {
  return new Hono()
    .get('/health/live', (c) => c.json({ status: 'alive' }))
    .get('/health/ready', async (c) => {
      const readiness = await probe.check();
      return c.json(readiness, readiness.ready ? 200 : 503);
    })
    .get('/metrics', async (c) =>
      c.text(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
    );
}

/** Serves the app; resolves when it listens, rejects when the port is taken. */
export function listen(app: Hono, hostname: string, port: number): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port }, () => resolve(server));
    server.once('error', reject);
  });
}
