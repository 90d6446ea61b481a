import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Issuer } from '../api/support/issuer.ts';
import { World } from '../api/support/world.ts';

const CLIENT = 'eucora-console';

describe('Log-in by an identity provider', () => {
  let issuer: Issuer;
  let tokens: Server;
  let world: World;
  /** What the token endpoint answers. */
  let answer: () => Promise<{ status: number; body: object }>;
  let asked: URLSearchParams;

  beforeAll(async () => {
    issuer = await Issuer.start();
    tokens = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked = new URLSearchParams(Buffer.concat(chunks).toString());
      const { status, body } = await answer();
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    const tokenUrl = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    issuer.discovery = {
      authorization_endpoint: `${issuer.url}/authorize`,
      token_endpoint: tokenUrl,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['ES256'],
    };
    world = await World.start({
      overrides: {
        EUCORA_OIDC_ISSUER: issuer.url,
        EUCORA_OIDC_CLIENT_ID: CLIENT,
        EUCORA_OIDC_CLIENT_SECRET: 'client secret',
        EUCORA_CONSOLE_URL: 'https://eucora.example',
      },
    });
  });
  afterAll(async () => {
    await world?.dispose();
    await issuer?.stop();
    tokens?.close();
  });
  beforeEach(() => {
    answer = async () => ({
      status: 200,
      body: { access_token: await issuer.token(), token_type: 'Bearer', expires_in: 300 },
    });
  });

  const get = (path: string, cookie = '') =>
    fetch(world.api.operatorUrl + path, { redirect: 'manual', headers: { cookie } });
  const cookieOf = (response: Response, name: string) =>
    response.headers
      .getSetCookie()
      .find((one) => one.startsWith(`${name}=`))
      ?.split(';')[0] ?? '';

  async function begin(): Promise<{ url: URL; cookie: string }> {
    const response = await get('/console/login/oidc?next=/console/tasks');
    expect(response.status).toBe(303);
    return {
      url: new URL(response.headers.get('location') ?? ''),
      cookie: cookieOf(response, 'eucora_login'),
    };
  }

  it('is offered where one is configured', async () => {
    expect(await (await get('/console/login')).text()).toContain('/console/login/oidc');
  });

  it('sends the browser there with a challenge, and comes back with a session', async () => {
    const { url, cookie } = await begin();
    expect(url.origin).toBe(issuer.url);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: CLIENT,
      response_type: 'code',
      redirect_uri: 'https://eucora.example/console/login/oidc/callback',
      code_challenge_method: 'S256',
    });
    const back = await get(
      `/console/login/oidc/callback?code=c1&state=${url.searchParams.get('state')}`,
      cookie,
    );
    expect(asked.get('code')).toBe('c1');
    expect(asked.get('code_verifier')).toMatch(/^[\w-]{43,}$/);
    expect(await back.text()).toContain('url=/console/tasks');
    const page = await get('/console/tasks', cookieOf(back, 'eucora_session'));
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('oidc:ada')]);
  });

  it('refuses an answer that nobody asked for, and one for another log-in', async () => {
    const { cookie } = await begin();
    expect((await get('/console/login/oidc/callback?code=c&state=x')).status).toBe(403);
    expect((await get('/console/login/oidc/callback?code=c&state=other', cookie)).status).toBe(403);
  });

  it('tells what the provider refuses', async () => {
    const { url, cookie } = await begin();
    const state = url.searchParams.get('state');
    const denied = await get(`/console/login/oidc/callback?error=access_denied&state=${state}`, cookie);
    expect([denied.status, await denied.text()]).toEqual([403, expect.stringContaining('access_denied')]);
    answer = async () => ({ status: 400, body: { error: 'invalid_grant' } });
    const stale = await get(`/console/login/oidc/callback?code=c&state=${state}`, cookie);
    expect([stale.status, await stale.text()]).toEqual([403, expect.stringContaining('invalid_grant')]);
  });

  it('refuses tokens that the API does not take, and operators without a scope', async () => {
    const { url, cookie } = await begin();
    const back = `/console/login/oidc/callback?code=c&state=${url.searchParams.get('state')}`;
    const give = (token: string) => {
      answer = async () => ({ status: 200, body: { access_token: token, token_type: 'Bearer' } });
    };
    give(await issuer.token({ aud: 'another' }));
    const foreign = await get(back, cookie);
    expect([foreign.status, await foreign.text()]).toEqual([
      403,
      expect.stringContaining('EUCORA_OIDC_AUDIENCE'),
    ]);
    give(await issuer.token({ scopes: 'king' }));
    const powerless = await get(back, cookie);
    expect([powerless.status, await powerless.text()]).toEqual([
      403,
      expect.stringContaining('takes the scope'),
    ]);
  });

  it('says so when the provider is away', async () => {
    const { url, cookie } = await begin();
    await new Promise<void>((resolve) => {
      tokens.closeAllConnections();
      tokens.close(() => resolve());
    });
    const away = await get(
      `/console/login/oidc/callback?code=c&state=${url.searchParams.get('state')}`,
      cookie,
    );
    expect([away.status, await away.text()]).toEqual([503, expect.stringContaining('cannot be reached')]);
  });
});
