import type { AddressInfo } from 'node:net';
import { Gauge } from 'prom-client';
import { createMetrics } from '../../runtime/metrics.ts';
import { ReadinessProbe } from '../../runtime/readiness.ts';
import { gaugeBacklog, healthApp, listen } from '../../workers/control-plane/health.ts';

const up = { name: 'postgres', check: async () => 1 };
const down = { name: 'temporal', check: () => Promise.reject(new Error('away')) };

it('a worker is ready when all it needs answers, and says what does not', async () => {
  const ready = await healthApp(new ReadinessProbe([up]), createMetrics()).request('/health/ready');
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { postgres: 'up' } }]);
  const not = await healthApp(new ReadinessProbe([up, down]), createMetrics()).request('/health/ready');
  expect([not.status, await not.json()]).toEqual([
    503,
    { ready: false, checks: { postgres: 'up', temporal: 'down' } },
  ]);
});

it('a worker that lacks what it needs is still alive', async () => {
  const app = healthApp(new ReadinessProbe([down]), createMetrics());
  expect((await app.request('/health/live')).status).toBe(200);
});

it('metrics are those of the process and of the worker, as Prometheus reads them', async () => {
  const metrics = createMetrics();
  new Gauge({ name: 'eucora_test', help: 'A figure', registers: [metrics] }).set(3);
  const answer = await healthApp(new ReadinessProbe([]), metrics).request('/metrics');
  expect(answer.headers.get('content-type')).toContain('text/plain');
  const text = await answer.text();
  expect(text).toContain('eucora_test 3');
  expect(text).toContain('process_cpu_seconds_total');
});

it('metrics are told without the backlog while Postgres is down', async () => {
  const metrics = createMetrics();
  const answers = [Promise.resolve({ waiting: 7 }), Promise.reject(new Error('down'))];
  gaugeBacklog(metrics, { backlog: async () => answers.shift() ?? { waiting: 0 } });
  const app = healthApp(new ReadinessProbe([]), metrics);
  const read = async () => {
    const answer = await app.request('/metrics');
    expect(answer.status).toBe(200);
    return /^eucora_task_outbox_waiting (\d+)$/m.exec(await answer.text())?.[1];
  };
  expect([await read(), await read(), await read()]).toEqual(['7', undefined, '0']);
});

it('listens, and says so when its port is taken', async () => {
  const app = healthApp(new ReadinessProbe([up]), createMetrics());
  const server = await listen(app, '127.0.0.1', 0);
  const { port } = server.address() as AddressInfo;
  try {
    expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    await expect(listen(app, '127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
  } finally {
    server.close();
  }
});
