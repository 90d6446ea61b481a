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

  it('hold failed authentications of one address back, even with good tokens, with one audit event', async () => {
    const world = await start({ EUCORA_AUTH_FAILURES_PER_MINUTE: '3' });
    const token = await world.token('admin');
    const knock = (credentials?: string) =>
      world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, {
        headers: credentials === undefined ? {} : { authorization: `Bearer ${credentials}` },
      });
    for (let n = 0; n < 5; n += 1) expect((await knock()).status).toBe(401);
    for (let n = 0; n < 3; n += 1) expect((await knock('guess')).status).toBe(401);
    expect(await knock('guess')).toMatchObject(limited);
    expect(await knock(token)).toMatchObject(limited);
    expect(await knock()).toMatchObject(limited);
    const { rows } = await world.api.database.pool.query<{ count: number }>(
      `SELECT count(*) FROM audit_event WHERE action = 'security.rate_limited'`,
    );
    expect(rows).toEqual([{ count: 1 }]);
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
