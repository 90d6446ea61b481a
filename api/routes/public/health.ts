import { z } from 'zod';
import type { ReadinessProbe } from '../../../runtime/readiness.ts';
import { answer, guarded } from '../../openapi/route.ts';
import type { App } from '../types.ts';

const readinessSchema = z
  .object({ ready: z.boolean(), checks: z.record(z.string(), z.enum(['up', 'down'])) })
  .meta({ id: 'Readiness' });
const livenessSchema = z.object({ status: z.literal('alive') }).meta({ id: 'Liveness' });

/** Whether the process lives, and whether what it needs answers. */
export function addHealth(app: App, probe: ReadinessProbe): void {
  app.openapi(
    guarded({
      method: 'get',
      path: '/health/live',
      tags: ['health'],
      summary: 'The process lives',
      responses: { 200: answer('It does', livenessSchema) },
    }),
    (c) => c.json({ status: 'alive' as const }, 200),
  );
  app.openapi(
    guarded({
      method: 'get',
      path: '/health/ready',
      tags: ['health'],
      summary: 'What the platform needs answers',
      responses: { 200: answer('All of it', readinessSchema), 503: answer('Not all of it', readinessSchema) },
    }),
    async (c) => {
      const readiness = await probe.check();
      const body = { ready: readiness.ready, checks: { ...readiness.checks } };
      return readiness.ready ? c.json(body, 200) : c.json(body, 503);
    },
  );
}
