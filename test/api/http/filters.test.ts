import { randomUUID } from 'node:crypto';
import type { TestAgent } from '../../harness/agent-client.ts';
import { items, World } from '../support/world.ts';

describe('Filters of lists', () => {
  let world: World;
  let laptop: TestAgent;
  let server: TestAgent;
  beforeAll(async () => {
    world = await World.start();
    laptop = await world.enrol({ hostname: 'Laptop_1%', platform: 'macos', agent_version: '2.0' });
    server = await world.enrol({ hostname: 'server-1', tags: { site: 'zurich', racks: 4, critical: true } });
    await server.heartbeat();
  });
  afterAll(() => world?.dispose());

  const found = async (query: string) => items(await world.operator(`/api/v1/${query}`));
  const agents = async (query: string) => (await found(`agents?${query}`)).map(({ id }) => id);

  it.each([
    ['platform=macos', 'laptop'],
    ['platform=windows', ''],
    ['status=ONLINE', 'server'],
    ['status=UNKNOWN', 'laptop'],
    ['is_online=true', 'server'],
    ['is_online=false', 'laptop'],
    ['agent_version=2.0', 'laptop'],
    ['hostname=LAPTOP', 'laptop'],
    ['hostname=_1%25', 'laptop'],
    ['hostname=r_1', ''],
    ['tag=site', 'server'],
    ['tag=site=zurich', 'server'],
    ['tag=site=bern', ''],
    ['tag=racks=4', 'server'],
    ['tag=critical=true', 'server'],
    ['tag=critical=false', ''],
    ['tag=site=', ''],
    ['last_heartbeat_after=2020-01-01T00:00:00Z', 'server'],
    ['last_heartbeat_before=2020-01-01T00:00:00Z', ''],
    ['platform=linux&status=ONLINE&tag=site', 'server'],
  ])('agents: %s', async (query, expected) => {
    const wanted = expected === 'laptop' ? [laptop.id] : expected === 'server' ? [server.id] : [];
    expect(await agents(query)).toEqual(wanted);
  });

  it('agents: by whose certificate they enrolled with', async () => {
    await world.api.database.pool.query('UPDATE agent SET cloned_from = $1 WHERE id = $2', [
      laptop.id,
      server.id,
    ]);
    expect(await agents(`cloned_from=${laptop.id}`)).toEqual([server.id]);
    expect(await agents(`cloned_from=${server.id}`)).toEqual([]);
    expect(await agents(`cloned_from=${laptop.id}&last_heartbeat_after=2020-01-01T00:00:00Z`)).toEqual([
      server.id,
    ]);
    expect((await world.operator('/api/v1/agents?cloned_from=x')).status).toBe(422);
  });

  it.each([
    ['NUL', '\u0000'],
    ['lone surrogates', '\ud800'],
  ])('what Postgres could not compare is refused with what to mend: %s', async (what, character) => {
    const refused = async (selection: object) => {
      const { status, body } = await world.operator('/api/v1/tasks/bulk?dry_run=true', {
        body: { selection, task_type: 'COLLECT' },
      });
      expect([status, body['code']]).toEqual([422, 'validation-failed']);
      return JSON.stringify(body['errors']);
    };
    for (const selection of [
      { tag: `site=${character}` },
      { hostname: character },
      { agent_version: character },
    ])
      expect(await refused(selection)).toContain(what);
  });

  it('tasks: by agent, status, type, correlation id and time', async () => {
    const first = await world.task(laptop.id, { task_type: 'REMEDIATE', payload: { script: 'true' } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await world.task(server.id);
    await world.operator(`/api/v1/tasks/${second}/cancel`, { method: 'POST' });
    const tasks = async (query: string) => (await found(`tasks?${query}`)).map(({ id }) => id);
    expect(await tasks(`agent_id=${laptop.id}`)).toEqual([first]);
    expect(await tasks('status=CANCELLED')).toEqual([second]);
    expect(await tasks('task_type=REMEDIATE')).toEqual([first]);
    expect(await tasks(`created_after=${between}`)).toEqual([second]);
    expect(await tasks(`created_before=${between}`)).toEqual([first]);
    const { body } = await world.operator(`/api/v1/tasks/${first}`);
    // The time that is shown names the task, though Postgres keeps it finer.
    expect(await tasks(`created_before=${body['created_at']}`)).toEqual([first]);
    expect(await tasks(`created_after=${body['created_at']}`)).toContain(first);
    expect(await tasks(`correlation_id=${body['correlation_id']}`)).toEqual([first]);
    expect(await tasks(`status=PENDING&agent_id=${server.id}`)).toEqual([]);
  });

  it('offline queue: by agent and by delivery', async () => {
    const away = await world.enrol();
    const task = await world.task(away.id);
    const queue = async (query: string) =>
      (await found(`offline-queue?agent_id=${away.id}&${query}`)).map(({ task_id }) => task_id);
    expect(await queue('delivered=false')).toEqual([task]);
    expect(await queue('delivered=true')).toEqual([]);
    await away.heartbeat();
    await away.heartbeat();
    expect(await queue('delivered=true')).toEqual([task]);
    expect(await queue('delivered=false')).toEqual([]);
  });

  it('deployment statuses: by agent, task and package', async () => {
    const task = await world.startedTask(server);
    const report = {
      package_name: 'curl',
      package_version: '8',
      status: 'VERIFYING',
      progress: 80,
      task_id: task,
    };
    const sent = await server.post(`/api/v1/agents/${server.id}/deployment-status`, report);
    expect(sent).toMatchObject({ status: 201, body: { ...report, agent_id: server.id } });
    const statuses = async (query: string) => (await found(`deployment-statuses?${query}`)).length;
    expect(await statuses(`agent_id=${server.id}`)).toBe(1);
    expect(await statuses(`task_id=${task}`)).toBe(1);
    expect(await statuses('package_name=curl')).toBe(1);
    expect(await statuses('package_name=wget')).toBe(0);
    expect(await statuses(`agent_id=${laptop.id}`)).toBe(0);
    const foreign = await laptop.post(`/api/v1/agents/${laptop.id}/deployment-status`, report);
    expect(foreign.status).toBe(404);
  });

  it('audit: by object, actor, action, kind, correlation id and time', async () => {
    const correlation = randomUUID();
    await world.operator(`/api/v1/agents/${server.id}`, {
      method: 'PATCH',
      body: { tags: { site: 'bern' } },
      headers: { 'x-correlation-id': correlation },
    });
    const [event] = await world.audit({ correlation_id: correlation });
    expect(event).toMatchObject({
      action: 'agent.tags',
      kind: 'change',
      actor_type: 'operator',
      object_type: 'agent',
      object_id: server.id,
      before: { tags: { site: 'zurich', racks: 4, critical: true } },
      after: { tags: { site: 'bern' } },
    });
    const ids = async (query: Record<string, string>) => (await world.audit(query)).map(({ id }) => id);
    const by = {
      object_id: server.id,
      object_type: 'agent',
      actor_id: String(event?.['actor_id']),
      action: 'agent.tags',
    };
    expect(await ids({ ...by, kind: 'change' })).toEqual([event?.['id']]);
    expect(await ids({ ...by, kind: 'security' })).toEqual([]);
    expect(await ids({ ...by, after: new Date(Date.now() - 60_000).toISOString() })).toEqual([event?.['id']]);
    expect(await ids({ ...by, before: new Date(Date.now() - 60_000).toISOString() })).toEqual([]);
  });

  it('alerts: by agent and whether they are open', async () => {
    await world.api.database.pool.query(
      `INSERT INTO alert (id, kind, agent_id, opened_at, resolved_at, delivery, delivery_batch)
       VALUES (uuid7(), 'agent_offline', $1, now(), NULL, 'disabled', uuid7()), (uuid7(), 'agent_offline', $2, now(), now(), 'delivered', uuid7())`,
      [laptop.id, server.id],
    );
    const alerts = async (query: string) => (await found(`alerts?${query}`)).map(({ agent_id }) => agent_id);
    expect(await alerts('open=true')).toEqual([laptop.id]);
    expect(await alerts('open=false')).toEqual([server.id]);
    expect(await alerts(`agent_id=${laptop.id}`)).toEqual([laptop.id]);
  });

  it('an agent’s own tasks: by status, newest first, and nobody else’s', async () => {
    const agent = await world.enrol();
    const [older, newer] = [await world.task(agent.id), await world.task(agent.id)];
    const own = async (query: string) =>
      ((await agent.get(`/api/v1/agents/${agent.id}/tasks${query}`)).body['tasks'] as { id: string }[]).map(
        ({ id }) => id,
      );
    expect(await own('')).toEqual([newer, older]);
    expect(await own('?limit=1')).toEqual([newer]);
    expect(await own('?status=COMPLETED')).toEqual([]);
  });

  it('count the fleet by status, platform and version, without the revoked', async () => {
    const gone = await world.enrol({ agent_version: '0.1' });
    await world.operator(`/api/v1/agents/${gone.id}/revoke`, { method: 'POST' });
    const { body } = await world.operator('/api/v1/fleet/summary');
    const { rows } = await world.api.database.pool.query<{ total: number }>(
      'SELECT count(*) AS total FROM agent WHERE revoked_at IS NULL',
    );
    expect(body).toMatchObject({
      total: rows[0]?.total,
      by_platform: { macos: 1, windows: 0 },
      by_status: { DEGRADED: 0 },
    });
    expect(body['by_agent_version']).toMatchObject({ '2.0': 1 });
    expect(body['by_agent_version']).not.toHaveProperty('0.1');
  });
});
