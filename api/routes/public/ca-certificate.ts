import { z } from 'zod';
import { guarded } from '../../openapi/route.ts';
import type { App } from '../types.ts';

/** What a machine must trust before it enrols; public by nature. */
export function addCaCertificate(app: App, certificatePem: string): void {
  const route = guarded({
    method: 'get',
    path: '/api/v1/ca-certificate',
    tags: ['agent: identity'],
    summary: 'The certificate of the platform’s certification authority, PEM',
    responses: { 200: { description: 'PEM', content: { 'application/x-pem-file': { schema: z.string() } } } },
  });
  app.openapi(route, (c) =>
    c.body(certificatePem, 200, { 'content-type': 'application/x-pem-file', 'cache-control': 'max-age=300' }),
  );
}
