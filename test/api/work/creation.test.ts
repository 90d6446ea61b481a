import type { TestAgent } from '../../harness/agent-client.ts';
import { items, World } from '../support/world.ts';

describe('Creating tasks', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const create = (key: string, fields: Record<string, unknown> = {}, token?: string) =>
    world.operator('/api/v1/tasks', {
      body: { agent_id: agent.id, task_type: 'COLLECT', ...fields },
      headers: {
        'idempotency-key': key,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });

  it('answers the first task to the same request under the same idempotency key', async () => {
    const payload = { collect: ['system'], own: { b: 1, a: 2 } };
    const first = await create('same', { payload });
    const again = await create('same', { payload: { own: { a: 2, b: 1 }, collect: ['system'] } });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toEqual(first.body);
  });

  it('refuses another request under the same key', async () => {
    await create('other');
    for (const fields of [
      { timeout_seconds: 7 },
      { max_retries: 7 },
      { payload: { a: 1 } },
      { task_type: 'REMEDIATE', payload: { script: 'true' } },
    ])
      expect(await create('other', fields)).toMatchObject({
        status: 409,
        body: { code: 'idempotency-conflict' },
      });
  });

  it('makes one task of 20 parallel requests with one key', async () => {
    const said = await Promise.all(Array.from({ length: 20 }, () => create('parallel')));
    expect(said.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(said.filter(({ status }) => status === 200)).toHaveLength(19);
    expect(new Set(said.map(({ body }) => body['id'])).size).toBe(1);
  });

  it('keeps the keys of different operators apart, and refuses malformed ones', async () => {
    const mine = await create('shared');
    const theirs = await create('shared', {}, await world.token('operator'));
    expect(theirs.status).toBe(201);
    expect(theirs.body['id']).not.toBe(mine.body['id']);
    for (const key of ['', 'two words', 'x'.repeat(129)]) expect((await create(key)).status).toBe(422);
  });

  it('gives one task to each agent of a selection; a dry run only counts', async () => {
    const ids = [
      (await world.enrol({ tags: { ring: 1 } })).id,
      (await world.enrol({ tags: { ring: 1 } })).id,
    ];
    const revoked = await world.enrol({ tags: { ring: 1 } });
    await world.operator(`/api/v1/agents/${revoked.id}/revoke`, { method: 'POST' });
    const body = { selection: { tag: 'ring=1' }, task_type: 'REMEDIATE', payload: { script: 'true' } };
    const dry = await world.operator('/api/v1/tasks/bulk?dry_run=true', { body });
    expect(dry).toMatchObject({ status: 200, body: { count: 2 } });
    const counted = await world.operator(`/api/v1/tasks?correlation_id=${dry.body['correlation_id']}`);
    expect(items(counted)).toEqual([]);
    const made = await world.operator('/api/v1/tasks/bulk', { body });
    expect(made).toMatchObject({ status: 201, body: { count: 2 } });
    const tasks = items(await world.operator(`/api/v1/tasks?correlation_id=${made.body['correlation_id']}`));
    expect(tasks.map((task) => task['agent_id']).sort()).toEqual([...ids].sort());
    const named = { selection: { agent_ids: [ids[0], ids[0]], platform: 'linux' }, task_type: 'COLLECT' };
    expect((await world.operator('/api/v1/tasks/bulk', { body: named })).body).toMatchObject({ count: 1 });
    const nobody = { selection: { hostname: 'nobody' }, task_type: 'COLLECT' };
    expect((await world.operator('/api/v1/tasks/bulk', { body: nobody })).body).toMatchObject({ count: 0 });
  });

  it('makes no task when more agents fit than the request says may', async () => {
    for (let n = 0; n < 3; n += 1) await world.enrol({ tags: { ring: 2 } });
    const body = { selection: { tag: 'ring=2' }, task_type: 'COLLECT', max_agents: 2 };
    for (const path of ['/api/v1/tasks/bulk', '/api/v1/tasks/bulk?dry_run=true']) {
      const refused = await world.operator(path, { body });
      expect(refused).toMatchObject({ status: 409, body: { code: 'too-many-agents' } });
      expect(refused.body['detail']).toContain('More than 2 agents fit');
    }
    const made = await world.operator('/api/v1/tasks/bulk', { body: { ...body, max_agents: 3 } });
    expect(made).toMatchObject({ status: 201, body: { count: 3 } });
    for (const max_agents of [0, 1.5, 10_001]) {
      const said = await world.operator('/api/v1/tasks/bulk', { body: { ...body, max_agents } });
      expect(said).toMatchObject({ status: 422, body: { errors: [{ path: 'max_agents' }] } });
    }
  });

  const artifact = { sha256: 'a'.repeat(64) };
  it.each([
    ['REMEDIATE', {}, ['payload.script']],
    ['REMEDIATE', { script: '' }, ['payload.script']],
    ['DEPLOY', { package_name: 'a' }, ['payload.artifact', 'payload.package_version']],
    ['DEPLOY', { package_name: 'a', package_version: '1', artifact: {} }, ['payload.artifact.sha256']],
    ['UPDATE', { artifact }, ['payload.version']],
    ['COLLECT', { collect: ['dreams'] }, ['payload.collect.0']],
  ])('refuses %s with %j, which the agent could not do', async (task_type, payload, paths) => {
    for (const [path, whom] of [
      ['/api/v1/tasks', { agent_id: agent.id }],
      ['/api/v1/tasks/bulk', { selection: { agent_ids: [agent.id] } }],
    ] as const) {
      const said = await world.operator(path, { body: { ...whom, task_type, payload } });
      expect(said.status).toBe(422);
      const errors = said.body['errors'] as { path: string }[];
      expect(errors.map((error) => error.path).sort()).toEqual(paths);
    }
  });

  it.each([
    ['COLLECT', {}],
    ['COLLECT', { own: { field: [1] } }],
    ['REMEDIATE', { script: 'true', own: 1 }],
    ['UPDATE', { version: '2', artifact: { ...artifact, own: 1 } }],
    ['DEPLOY', { package_name: 'a', package_version: '1', artifact, own: 1 }],
  ])('takes %s with %j and hands it on as it is', async (task_type, payload) => {
    const said = await world.operator('/api/v1/tasks', { body: { agent_id: agent.id, task_type, payload } });
    expect(said.body['payload']).toEqual(payload);
  });

  it('refuses selections of more than 10000 agents', async () => {
    await world.api.database.pool.query(
      `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'many:' || n, 'many:' || n, 'many', 'windows', '', '1', 'UNKNOWN', 0, now(), '{}', '{}', now(), now()
       FROM generate_series(1, 10001) AS n`,
    );
    const body = { selection: { hostname: 'many' }, task_type: 'COLLECT' };
    const said = await world.operator('/api/v1/tasks/bulk', { body });
    expect(said).toMatchObject({ status: 422, body: { errors: [{ path: 'selection' }] } });
  });

  it('retries what has ended as a new task, also for the same key, but not for a revoked agent', async () => {
    const other = await world.enrol();
    const id = await world.task(other.id, { payload: { collect: ['system'] }, timeout_seconds: 77 });
    await world.operator(`/api/v1/tasks/${id}/cancel`, { method: 'POST' });
    const retried = await world.operator(`/api/v1/tasks/${id}/retry`, { method: 'POST' });
    expect(retried).toMatchObject({
      status: 201,
      body: { retry_of: id, status: 'PENDING', payload: { collect: ['system'] }, timeout_seconds: 77 },
    });
    await world.operator(`/api/v1/agents/${other.id}/revoke`, { method: 'POST' });
    const refused = await world.operator(`/api/v1/tasks/${id}/retry`, { method: 'POST' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'agent-state-conflict' } });
  });

  it('ends the open tasks of an agent that is revoked', async () => {
    const other = await world.enrol();
    const id = await world.task(other.id);
    await world.operator(`/api/v1/agents/${other.id}/revoke`, { method: 'POST' });
    expect((await world.operator(`/api/v1/tasks/${id}`)).body).toMatchObject({ status: 'CANCELLED' });
    expect(items(await world.operator(`/api/v1/offline-queue?agent_id=${other.id}`))).toEqual([]);
  });

  it.each([
    ['65 tags', { tags: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`t${n}`, 1])) }],
    ['names with spaces', { tags: { 'a b': 1 } }],
    ['nested values', { tags: { a: { b: 1 } } }],
    ['no tags at all', {}],
  ])('refuses %s', async (_what, body) => {
    const said = await world.operator(`/api/v1/agents/${agent.id}`, { method: 'PATCH', body });
    expect(said.status).toBe(422);
  });

  it('replaces tags', async () => {
    const patch = (tags: object) =>
      world.operator(`/api/v1/agents/${agent.id}`, { method: 'PATCH', body: { tags } });
    await patch({ a: 1, b: 'x' });
    expect((await patch({ c: true })).body['tags']).toEqual({ c: true });
  });
});
