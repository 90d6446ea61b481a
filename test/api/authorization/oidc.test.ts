import { generateKeyPair } from 'jose';
import { eventually } from '../../harness/eventually.ts';
import { Issuer } from '../support/issuer.ts';
import { World } from '../support/world.ts';

describe('Operators with JWTs of the configured issuer', () => {
  let issuer: Issuer;
  let world: World;

  beforeAll(async () => {
    issuer = await Issuer.start();
    world = await World.start({ overrides: { EUCORA_OIDC_ISSUER: issuer.url } });
  });
  afterAll(async () => {
    await world?.dispose();
    await issuer?.stop();
  });

  const whoami = (token: string) =>
    world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });

  it('answers 503 while the issuer is down or describes itself wrongly, and recovers by itself', async () => {
    issuer.discovery = { issuer: 'https://elsewhere.example' };
    const began = Date.now();
    const said = await whoami(await issuer.token());
    expect(said).toMatchObject({
      status: 503,
      body: { code: 'unavailable' },
      headers: { 'retry-after': '5' },
    });
    issuer.discovery = {};
    // It is left alone for a while, which may be over by then on a busy machine.
    const soon = await whoami(await issuer.token());
    if (Date.now() - began < 2_000) expect(soon.status).toBe(503);
    await eventually(async () => expect((await whoami(await issuer.token())).status).toBe(200));
  });

  it.each([
    ['a string', 'viewer operator'],
    ['a string with commas', 'operator,viewer'],
    ['an array', ['operator', 'viewer', 'king', 7]],
  ])('reads scopes from %s', async (_form, scopes) => {
    const said = await whoami(await issuer.token({ scopes }));
    expect(said.body).toEqual({ name: 'oidc:ada', scopes: ['viewer', 'operator'], via: 'oidc' });
  });

  it.each([
    ['a number', 7],
    ['an object', { admin: true }],
    ['nothing known', 'king'],
  ])('gives no scope for %s', async (_form, scopes) => {
    expect((await whoami(await issuer.token({ scopes }))).status).toBe(403);
  });

  it('names the subject as the actor of what it does', async () => {
    const said = await world.contract.call(`${world.api.operatorUrl}/api/v1/enrolment-tokens`, {
      body: { name: 'by jwt' },
      headers: { authorization: `Bearer ${await issuer.token({ sub: 'grace' })}` },
    });
    expect(said.body).toMatchObject({ created_by: 'oidc:grace' });
  });

  it('answers 401 to another issuer, another audience, expired, unsigned and unknown keys', async () => {
    const stranger = await generateKeyPair('ES256');
    const bad = {
      issuer: await issuer.token({ iss: 'https://elsewhere.example' }),
      audience: await issuer.token({ aud: 'another' }),
      expired: await issuer.token({ expires: '1 minute ago' }),
      'foreign key': await issuer.token({}, stranger.privateKey),
      'unknown key': await issuer.token({}, stranger.privateKey, 'two'),
      unsigned: issuer.unsigned(),
      'a subject that the audit cannot keep': await issuer.token({ sub: 'a\u0000b' }),
      'no expiry': 'e30.e30.e30',
    };
    for (const [what, token] of Object.entries(bad)) {
      const said = await whoami(token);
      expect([what, said.status, said.body['code']]).toEqual([what, 401, 'unauthenticated']);
    }
  });

  it('keeps on knowing the keys when the issuer goes away, and answers 503 where it never knew them', async () => {
    const token = await issuer.token();
    const other = await Issuer.start();
    const late = await World.start({ overrides: { EUCORA_OIDC_ISSUER: other.url } });
    const lateToken = await other.token();
    await other.stop();
    try {
      const said = await late.contract.call(`${late.api.operatorUrl}/api/v1/whoami`, {
        headers: { authorization: `Bearer ${lateToken}` },
      });
      expect(said.status).toBe(503);
      // Tokens of our own need no issuer.
      expect((await late.operator('/api/v1/whoami')).status).toBe(200);
    } finally {
      await late.dispose();
    }
    expect((await whoami(token)).status).toBe(200);
  });

  it('answers 503 when the keys cannot be fetched although the issuer is there', async () => {
    const other = await Issuer.start();
    other.discovery = { jwks_uri: 'http://127.0.0.1:1/keys' };
    const late = await World.start({ overrides: { EUCORA_OIDC_ISSUER: other.url } });
    try {
      const said = await late.contract.call(`${late.api.operatorUrl}/api/v1/whoami`, {
        headers: { authorization: `Bearer ${await other.token()}` },
      });
      expect(said.status).toBe(503);
    } finally {
      await late.dispose();
      await other.stop();
    }
  });
});
