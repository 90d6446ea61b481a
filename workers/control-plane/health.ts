import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Gauge, type Registry } from 'prom-client';
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

/** The backlog of the outbox as a metric; while it cannot be read, the sample is missing, the others are not. */
export function gaugeBacklog(
  metrics: Registry,
  outbox: { backlog(): Promise<{ readonly waiting: number }> },
): void {
  new Gauge({
    name: 'eucora_task_outbox_waiting',
    help: 'Tasks whose workflows have yet to hear of their present state',
    registers: [metrics],
    async collect() {
      await outbox.backlog().then(
        ({ waiting }) => this.set(waiting),
        () => this.remove(),
      );
    },
  });
}

/** Serves the app; resolves when it listens, rejects when the port is taken. */
export function listen(app: Hono, hostname: string, port: number): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port }, () => resolve(server));
    server.once('error', reject);
  });
}
