import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createConsole } from '../../console/app.tsx';

const EVENT = {
  id: '01920f5e-7d2c-7c3a-9b1e-000000000001',
  at: '2026-01-01T00:00:00.000Z',
  actor_type: 'system',
  actor_id: 'x',
  action: 'x.y',
  kind: 'change',
  object_type: 'thing',
  object_id: '1',
  before: null,
  after: null,
  correlation_id: null,
};

/** The console before an operator API whose second page of audit events cannot be had while `broken`. */
describe('An export of the audit', () => {
  let server: Server;
  let origin: string;
  let cookie: string;
  let broken: boolean;

  const send = (path: string): Response => {
    if (path.startsWith('/api/v1/whoami'))
      return Response.json({ name: 'one', scopes: ['viewer'], via: 'token' });
    const second = path.includes('cursor=second');
    if (second && broken) return new Response('no JSON', { status: 503 });
    return Response.json({ items: [EVENT], next_cursor: second ? null : 'second' });
  };

  beforeAll(async () => {
    const app = createConsole({ send, secret: Buffer.alloc(48, 1), stopping: new AbortController().signal });
    server = createServer(
      getRequestListener((request) => app.fetch(request, { correlationId: 'x', secure: false })),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const login = await fetch(`${origin}/console/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin },
      body: new URLSearchParams({ token: 'op_x' }),
    });
    cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
  });
  afterAll(() => server?.close());

  const download = (encoding: string) =>
    fetch(`${origin}/console/audit/export`, { headers: { cookie, 'accept-encoding': encoding } });

  it.each(['identity', 'gzip'])('holds all pages (%s)', async (encoding) => {
    broken = false;
    const text = await (await download(encoding)).text();
    expect(text).toBe(`${JSON.stringify(EVENT)}\n`.repeat(2));
  });

  it.each(['identity', 'gzip'])(
    'does not end as if it were whole when a page could not be read (%s)',
    async (encoding) => {
      broken = true;
      const noted = jest.spyOn(console, 'error').mockImplementation(() => {});
      await expect(download(encoding).then((response) => response.text())).rejects.toThrow();
      noted.mockRestore();
    },
  );
});
