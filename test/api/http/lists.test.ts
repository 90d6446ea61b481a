import { newKeyAndRequest, type TestAgent } from '../../harness/agent-client.ts';
import { items, World } from '../support/world.ts';

/** All lists, and whether they may be asked of an agent. */
const LISTS = [
  'agents',
  'tasks',
  'offline-queue',
  'deployment-statuses',
  'artifacts',
  'alerts',
  'audit-events',
  'enrolment-tokens',
  'operator-tokens',
] as const;

describe('Lists', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const paths = () => [
    ...LISTS.map((list) => `/api/v1/${list}`),
    `/api/v1/agents/${agent.id}/telemetry`,
    `/api/v1/agents/${agent.id}/certificates`,
  ];
  const fill = async () => {
    const { artifacts } = world.api.database.stores;
    const actor = { type: 'system', id: 'test' } as const;
    for (let n = 0; n < 5; n += 1) {
      const other = await world.enrol();
      await world.task(other.id);
      await world.key();
      await world.operator('/api/v1/operator-tokens', { body: { name: `n${n}`, scopes: ['viewer'] } });
      await artifacts.add({ sha256: `${n}`.repeat(64), sizeBytes: 1, name: 'a' }, actor, 'test');
      await agent.post(`/api/v1/agents/${agent.id}/deployment-status`, {
        package_name: 'p',
        package_version: `${n}`,
        status: 'INSTALLED',
      });
      const { csr } = await newKeyAndRequest();
      await agent.post(`/api/v1/agents/${agent.id}/certificate/renew`, { csr });
      await agent.post(`/api/v1/agents/${agent.id}/telemetry`, {
        collected_at: new Date(Date.now() - n * 1_000).toISOString(),
      });
      await world.api.database.pool.query(
        `INSERT INTO alert (id, kind, agent_id, opened_at, delivery, delivery_batch) VALUES (uuid7(), 'agent_offline', $1, now(), 'disabled', uuid7())`,
        [other.id],
      );
    }
  };

  it('walk every item exactly once, in order, while rows are added', async () => {
    await fill();
    for (const path of paths()) {
      const before = items(await world.operator(`${path}?limit=500`)).map((item) => JSON.stringify(item));
      expect([path, before.length >= 5]).toEqual([path, true]);
      const walked: string[] = [];
      let cursor: unknown = null;
      do {
        const query = new URLSearchParams({
          limit: '2',
          ...(cursor === null ? {} : { cursor: String(cursor) }),
        });
        const page = await world.operator(`${path}?${query}`);
        walked.push(...items(page).map((item) => JSON.stringify(item)));
        cursor = page.body['next_cursor'];
        if (walked.length === 2 && path !== '/api/v1/audit-events') await world.enrol();
      } while (cursor !== null);
      expect([path, walked.filter((item) => before.includes(item))]).toEqual([path, before]);
      expect(new Set(walked).size).toBe(walked.length);
    }
  });

  it('refuse cursors that are garbage, tampered with or of another list', async () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const id = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
    const common = [
      'x',
      '%00',
      encode([]),
      encode(null),
      encode({}),
      encode(['nonsense', id]),
      encode([7, 7]),
    ];
    for (const path of paths()) {
      const list = path.endsWith('telemetry') ? 'telemetry' : path.replace('/api/v1/', '');
      const own = [
        encode([list, `${id}'; DROP TABLE agent`]),
        encode([list, 7]),
        encode([list, id.toUpperCase()]),
      ];
      for (const cursor of [...common, ...own]) {
        const { body } = await world.operator(`${path}?cursor=${cursor}`);
        expect([path, cursor, body['code']]).toEqual([path, cursor, 'invalid-cursor']);
      }
      expect((await world.operator(`${path}?cursor=${'x'.repeat(513)}`)).status).toBe(422);
      expect((await world.operator(`${path}?cursor=`)).status).toBe(422);
    }
    const { body } = await world.operator('/api/v1/tasks?limit=1');
    expect((await world.operator(`/api/v1/agents?cursor=${body['next_cursor']}`)).status).toBe(400);
  });

  it('give 50 items unless told otherwise, and at most 500', async () => {
    const { key, register } = {
      key: await world.key({ max_uses: null }),
      register: world.register.bind(world),
    };
    await Promise.all(Array.from({ length: 60 }, () => register({ registration_key: key.token })));
    expect(items(await world.operator('/api/v1/agents'))).toHaveLength(50);
    expect(items(await world.operator('/api/v1/agents?limit=500')).length).toBeGreaterThan(60);
    for (const limit of ['0', '501', '-1', 'x', '1.5', '']) {
      for (const path of paths()) {
        const { status } = await world.operator(`${path}?limit=${limit}`);
        expect([path, limit, status]).toEqual([path, limit, 422]);
      }
    }
  });

  it('refuse filters that they do not know, with the name of each', async () => {
    for (const path of paths()) {
      const said = await world.operator(`${path}?platfrom=linux&tga=x`);
      expect([path, said.status]).toEqual([path, 422]);
      expect(said.body['errors']).toMatchObject([{ path: 'platfrom' }, { path: 'tga' }]);
    }
  });

  it('take each parameter once', async () => {
    expect((await world.operator('/api/v1/agents?limit=1&limit=2')).status).toBe(422);
  });

  it('refuse filters that are not valid, with the name of each', async () => {
    for (const [path, parameter] of [
      ['agents?platform=beos', 'platform'],
      ['agents?tag=a%20b', 'tag'],
      ['agents?is_online=perhaps', 'is_online'],
      ['agents?last_heartbeat_after=yesterday', 'last_heartbeat_after'],
      ['agents?hostname=%00', 'hostname'],
      ['tasks?agent_id=7', 'agent_id'],
      ['tasks?created_after=0000-01-01T00:00:00Z', 'created_after'],
      ['tasks?created_before=9999-12-31T23:59:59-23:59', 'created_before'],
      ['tasks?correlation_id=a%20b', 'correlation_id'],
      ['audit-events?kind=gossip', 'kind'],
      ['audit-events?object_id=%00', 'object_id'],
      ['offline-queue?delivered=2', 'delivered'],
      ['alerts?open=2', 'open'],
    ]) {
      const { status, body } = await world.operator(`/api/v1/${path}`);
      expect([path, status, body['errors']]).toMatchObject([path, 422, [{ path: parameter }]]);
    }
  });

  it('take instants of every offset', async () => {
    for (const list of ['tasks?created_after', 'audit-events?after', 'agents?last_heartbeat_after'])
      for (const instant of [
        '2280-10-20T08:25:15.097-22:27',
        '1971-01-01T00:00:00%2B23:59',
        '2026-01-01T00:00:00.123456789Z',
      ])
        expect([list, instant, (await world.operator(`/api/v1/${list}=${instant}`)).status]).toEqual([
          list,
          instant,
          200,
        ]);
  });
});
