import { createLimits, takeAddressPoint } from '../../../api/middleware/rate-limit.ts';
import { testConfig } from '../../harness/database.ts';
import { World } from '../support/world.ts';

describe('Rate limits', () => {
  const worlds: World[] = [];
  const start = async (overrides: Record<string, string>) => {
    const world = await World.start({ overrides });
    worlds.push(world);
    return world;
  };
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.dispose();
  });

  const limited = { status: 429, body: { code: 'rate-limited' } };
  const audited = async (world: World, limit: string) =>
    (await world.audit({ action: 'security.rate_limited' })).filter(
      ({ after }) => (after as { limit: string }).limit === limit,
    );

  it('hold enrolments of one address back, with one audit event', async () => {
    const world = await start({ EUCORA_ENROLMENTS_PER_MINUTE: '3' });
    const { token } = await world.key({ max_uses: null });
    for (let n = 0; n < 3; n += 1)
      expect((await world.register({ registration_key: token })).status).toBe(201);
    for (let n = 0; n < 3; n += 1) {
      const said = await world.register({ registration_key: token });
      expect(said).toMatchObject(limited);
      expect(Number(said.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await audited(world, 'enrolments')).toMatchObject([{ actor_type: 'anonymous', kind: 'security' }]);
  });

  it('hold failed authentications of one address back, but no good token, with one audit event', async () => {
    const world = await start({ EUCORA_AUTH_FAILURES_PER_MINUTE: '3' });
    const token = await world.token('admin');
    const knock = (credentials?: string) =>
      world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, {
        headers: credentials === undefined ? {} : { authorization: `Bearer ${credentials}` },
      });
    for (let n = 0; n < 5; n += 1) expect((await knock()).status).toBe(401);
    for (let n = 0; n < 3; n += 1) expect((await knock('guess')).status).toBe(401);
    expect(await knock('guess')).toMatchObject(limited);
    expect(await knock('guess')).toMatchObject(limited);
    expect((await knock(token)).status).toBe(200);
    expect((await knock()).status).toBe(401);
    // Machines of the same address have limits of their own.
    expect((await world.register({ registration_key: 'guess' })).status).toBe(401);
    const { rows } = await world.api.database.pool.query<{ count: number }>(
      `SELECT count(*) FROM audit_event WHERE action = 'security.rate_limited'`,
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('hold back what is forbidden or cannot be checked, with one audit event for all', async () => {
    const world = await start({
      EUCORA_AUTH_FAILURES_PER_MINUTE: '3',
      EUCORA_OIDC_ISSUER: 'http://127.0.0.1:9',
    });
    const create = () => world.operator('/api/v1/operator-tokens', { scope: 'viewer', body: {} });
    for (let n = 0; n < 2; n += 1) expect((await create()).status).toBe(403);
    const authorization = 'Bearer e30.e30.e30';
    const unchecked = () =>
      world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, { headers: { authorization } });
    expect((await unchecked()).status).toBe(503);
    for (let n = 0; n < 3; n += 1) expect(await create()).toMatchObject(limited);
    expect(await unchecked()).toMatchObject(limited);
    expect(await world.audit({ action: 'security.access_denied' })).toHaveLength(2);
    expect(await audited(world, 'failed authentications')).toHaveLength(1);
  });

  it('count addresses of IPv6 by their network', async () => {
    const { enrolments } = createLimits(testConfig('postgres://x', { EUCORA_ENROLMENTS_PER_MINUTE: '2' }));
    const take = async (address: string) => (await takeAddressPoint(enrolments, address)) === undefined;
    expect(await take('2001:db8:1:2::1')).toBe(true);
    expect(await take('2001:db8:1:2:ffff::7')).toBe(true);
    expect(await take('2001:db8:1:2:3:4:5:6')).toBe(false);
    expect(await take('2001:db8:1:3::1')).toBe(true);
    expect(await take('::ffff:10.0.0.1')).toBe(true);
    expect(await take('10.0.0.1')).toBe(true);
    expect(await take('10.0.0.1')).toBe(false);
    expect(await take('10.0.0.2')).toBe(true);
  });

  it('hold back addresses that guess registration keys', async () => {
    const world = await start({ EUCORA_AUTH_FAILURES_PER_MINUTE: '3' });
    const guess = () => world.register({ registration_key: 'guess' });
    for (let n = 0; n < 3; n += 1) expect((await guess()).status).toBe(401);
    for (let n = 0; n < 3; n += 1) expect(await guess()).toMatchObject(limited);
    const { rows } = await world.api.database.pool.query<{ count: number }>(
      `SELECT count(*) FROM audit_event WHERE action = 'security.rate_limited'`,
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('hold back agents that were revoked and keep knocking', async () => {
    const world = await start({ EUCORA_AUTH_FAILURES_PER_MINUTE: '3' });
    const agent = await world.enrol();
    await world.operator(`/api/v1/agents/${agent.id}/revoke`, { method: 'POST' });
    const knock = async () => (await agent.get(`/api/v1/agents/${agent.id}/tasks`)).status;
    expect([await knock(), await knock(), await knock(), await knock(), await knock()]).toEqual([
      401, 401, 401, 429, 429,
    ]);
  });

  it('hold back the heartbeats of a revoked agent, too', async () => {
    const world = await start({ EUCORA_AUTH_FAILURES_PER_MINUTE: '3' });
    const agent = await world.enrol();
    await world.operator(`/api/v1/agents/${agent.id}/revoke`, { method: 'POST' });
    const knock = async () => (await agent.heartbeat()).status;
    expect([await knock(), await knock(), await knock(), await knock(), await knock()]).toEqual([
      401, 401, 401, 429, 429,
    ]);
  });

  it('hold one agent back and no other, with one audit event', async () => {
    const world = await start({ EUCORA_REQUESTS_PER_MINUTE: '3' });
    const [loud, calm] = [await world.enrol(), await world.enrol()];
    for (let n = 0; n < 3; n += 1) expect((await loud.heartbeat()).status).toBe(200);
    for (let n = 0; n < 3; n += 1) expect(await loud.heartbeat()).toMatchObject(limited);
    expect((await calm.heartbeat()).status).toBe(200);
    expect(await audited(world, 'requests of an agent')).toMatchObject([{ actor_id: loud.id }]);
  });
});
