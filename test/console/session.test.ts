import { Hono } from 'hono';
import { parseTags } from '../../console/pages/agent.tsx';
import { safeNext } from '../../console/pages/login.tsx';
import { Sessions } from '../../console/session.ts';
import { World } from '../api/support/world.ts';

const app = (sessions: Sessions) =>
  new Hono()
    .get('/console/begin', async (c) => {
      await sessions.begin(c, 'op_secret', c.req.query('secure') === 'yes');
      return c.text('');
    })
    .get('/console/token', async (c) => c.text((await sessions.token(c)) ?? 'none'));

const SECRET = Buffer.alloc(48, 1);

async function cookieOf(sessions: Sessions, query = ''): Promise<string> {
  const response = await app(sessions).request(`/console/begin${query}`);
  return response.headers.get('set-cookie') ?? '';
}

describe('Sessions', () => {
  const tokenBy = async (sessions: Sessions, cookie: string) =>
    (await app(sessions).request('/console/token', { headers: { cookie } })).text();

  it('are kept by the browser, sealed, out of reach of scripts and other sites', async () => {
    const cookie = await cookieOf(new Sessions(SECRET));
    expect(cookie).not.toContain('op_secret');
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).toMatch(/Path=\/console/);
    expect(cookie).not.toMatch(/Secure/);
    expect(await cookieOf(new Sessions(SECRET), '?secure=yes')).toMatch(/Secure/);
  });

  it('hold at every replica with the same secret, and nowhere else', async () => {
    const cookie = (await cookieOf(new Sessions(SECRET))).split(';')[0] ?? '';
    expect(await tokenBy(new Sessions(Buffer.from(SECRET)), cookie)).toBe('op_secret');
    expect(await tokenBy(new Sessions(Buffer.alloc(48, 2)), cookie)).toBe('none');
  });

  it('do not survive a changed byte', async () => {
    const sessions = new Sessions(SECRET);
    const cookie = (await cookieOf(sessions)).split(';')[0] ?? '';
    const at = cookie.length - 30;
    const other = cookie[at] === 'A' ? 'B' : 'A';
    expect(await tokenBy(sessions, cookie.slice(0, at) + other + cookie.slice(at + 1))).toBe('none');
    expect(await tokenBy(sessions, 'eucora_session=x')).toBe('none');
  });

  it.each([
    '//evil.example',
    'https://evil.example',
    '/console/../x\n',
    '/consolex',
    'javascript:1',
    undefined,
  ])('never lead from the log-in to %p', (next) => {
    expect(safeNext(next)).toBe('/console');
  });
});

it('tags are written as lines; numbers and flags keep their kind', () => {
  expect(parseTags('site=zurich\n\ncritical\nrack = 12 \nspare=false\nformula=a=b')).toEqual({
    site: 'zurich',
    critical: true,
    rack: 12,
    spare: false,
    formula: 'a=b',
  });
});

describe('The console without a browser', () => {
  let world: World;
  let cookie: string;

  beforeAll(async () => {
    world = await World.start({ overrides: { EUCORA_TRUSTED_PROXIES: '127.0.0.1' } });
    const response = await send('/console/login', { form: { token: await world.token('operator') } });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  });
  afterAll(() => world?.dispose());

  function send(
    path: string,
    options: { form?: Record<string, string>; headers?: Record<string, string> } = {},
  ) {
    const { form, headers = {} } = options;
    return fetch(world.api.operatorUrl + path, {
      redirect: 'manual',
      headers: { origin: world.api.operatorUrl, ...(cookie ? { cookie } : {}), ...headers },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
  }

  it('takes no form of another site', async () => {
    const foreign = await send('/console/settings/enrolment-tokens', {
      form: { name: 'x' },
      headers: { origin: 'https://evil.example' },
    });
    expect(foreign.status).toBe(403);
    const behindTls = await send('/console/settings/enrolment-tokens', {
      form: { name: 'x' },
      headers: { origin: world.api.operatorUrl.replace('http:', 'https:'), 'x-forwarded-proto': 'https' },
    });
    expect(behindTls.status).toBe(201);
  });

  it('keeps the cookie to TLS where TLS is ended in front of it', async () => {
    const response = await send('/console/login', {
      form: { token: await world.token('viewer') },
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(response.headers.get('set-cookie')).toMatch(/Secure/);
  });

  it('sends headers that keep scripts, frames and caches of others out', async () => {
    const { headers } = await send('/console');
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('is light: the first page and all it needs stay below 100 KB', async () => {
    let bytes = 0;
    for (const path of [
      '/console',
      '/console/assets/console.css',
      '/console/assets/console.js',
      '/console/assets/icon.svg',
    ])
      bytes += (await (await send(path)).arrayBuffer()).byteLength;
    expect(bytes).toBeLessThan(100_000);
  });

  it('asks again for what has not changed without sending it again', async () => {
    const etag = (await send('/console/assets/console.css')).headers.get('etag') ?? '';
    expect((await send('/console/assets/console.css', { headers: { 'if-none-match': etag } })).status).toBe(
      304,
    );
  });

  it('keeps styles and script for good by the address that changes with them, and compresses what it sends', async () => {
    const page = await send('/console', { headers: { 'accept-encoding': 'gzip' } });
    expect(page.headers.get('content-encoding')).toBe('gzip');
    const [, address = ''] = /href="(\/console\/assets\/console\.css[^"]*)"/.exec(await page.text()) ?? [];
    for (const [accepted, encoding] of [
      ['br, gzip', 'br'],
      ['gzip', 'gzip'],
      ['identity', null],
    ] as const) {
      const { headers, status } = await send(address, { headers: { 'accept-encoding': accepted } });
      expect([status, headers.get('content-encoding'), headers.get('cache-control')]).toEqual([
        200,
        encoding,
        'public, max-age=31536000, immutable',
      ]);
    }
    const plain = await send('/console/assets/console.css?v=other');
    expect(plain.headers.get('cache-control')).toBe('no-cache');
    expect((await send('/console/assets/other.css')).status).toBe(404);
  });

  it('says what is not there, what is malformed, and what the operator may not do', async () => {
    const missing = await send('/console/tasks/01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01');
    expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('not-found')]);
    expect((await send('/console/agents?cursor=x')).status).toBe(400);
    expect((await send('/console/agents?status=x')).status).toBe(422);
    const refused = await send('/console/settings/operator-tokens', { form: { name: 'x' } });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('forbidden')]);
    expect((await send('/console/nothing-here')).status).toBe(404);
    const tags = await send('/console/agents/01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01/tags', {
      form: { tags: 'a=b' },
    });
    expect(tags.status).toBe(404);
  });

  it('takes no token that cannot be one', async () => {
    for (const token of ['', 'with space', 'x'.repeat(5_000)])
      expect((await send('/console/login', { form: { token } })).status).toBe(401);
  });

  it('streams only topics that it knows', async () => {
    expect((await send('/console/live?topic=nothing')).status).toBe(400);
    expect((await send('/console/live')).status).toBe(400);
  });

  it('leads to the log-in when the token behind the session has ended', async () => {
    const { body } = await world.operator('/api/v1/operator-tokens', {
      body: { name: 'short', scopes: ['viewer'] },
    });
    const login = await send('/console/login', { form: { token: String(body['token']) } });
    const own = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    await world.operator(`/api/v1/operator-tokens/${body['id']}`, { method: 'DELETE' });
    const after = await send('/console', { headers: { cookie: own } });
    expect([after.status, after.headers.get('location')]).toEqual([303, '/console/login?next=%2Fconsole']);
  });
});
