import { call } from '../../harness/agent-client.ts';
import { rawRequest } from '../support/raw.ts';
import { World } from '../support/world.ts';

describe('Manners of HTTP', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.dispose());

  it('takes a trailing slash everywhere', async () => {
    const paths = world.contract.operations.filter(
      ({ method, listener, path }) => method === 'GET' && listener === 'operator' && !path.includes('{'),
    );
    for (const { path } of paths)
      expect([path, (await world.operator(`${path}/`)).status]).toEqual([path, 200]);
    const agent = await world.enrol();
    for (const part of ['heartbeat/', 'certificate/renew/'])
      expect((await agent.post(`/api/v1/agents/${agent.id}/${part}`, {})).status).not.toBe(404);
    const other = await world.enrol();
    expect((await agent.post(`/api/v1/agents/${other.id}/heartbeat/`, {})).status).toBe(403);
  });

  it('takes the caller’s correlation id, and makes one where there is none or a malformed one', async () => {
    const told = async (id?: string) =>
      (
        await world.operator(
          '/api/v1/whoami',
          id === undefined ? {} : { headers: { 'x-correlation-id': id } },
        )
      ).headers['x-correlation-id'];
    expect(await told('Order:7_a.b-c')).toBe('Order:7_a.b-c');
    expect(await told('x'.repeat(128))).toBe('x'.repeat(128));
    for (const malformed of [undefined, 'x'.repeat(129), 'two words', 'a"b', '<b>', 'a,b'])
      expect(await told(malformed)).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  it('hands the correlation id on to the task and to the audit', async () => {
    const agent = await world.enrol();
    const headers = { 'x-correlation-id': 'change-4711' };
    const made = await world.operator('/api/v1/tasks', {
      headers,
      body: { agent_id: agent.id, task_type: 'COLLECT' },
    });
    expect(made.body).toMatchObject({ correlation_id: 'change-4711' });
    await world.operator(`/api/v1/agents/${agent.id}`, {
      method: 'PATCH',
      headers,
      body: { tags: { a: 1 } },
    });
    const events = await world.audit({ correlation_id: 'change-4711' });
    expect(events.map(({ action }) => action)).toEqual(['agent.tags', 'agent_task.create']);
  });

  it('answers 404 where there is nothing', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/v1/',
      '/api/v2/agents',
      '/api/v1/agents/x/y/z',
      '//',
      '/%00',
      '/%ff',
      '/..%2f',
    ])
      expect([path, (await world.operator(path)).body['code']]).toEqual([path, 'not-found']);
    // Agents' routes are not on the operators' listener, and the other way round.
    expect((await world.operator('/api/v1/agents/register', { body: {} })).status).toBe(405);
    expect((await call(`${world.api.agentUrl}/api/v1/tasks`, { dispatcher: world.anonymous })).status).toBe(
      404,
    );
  });

  it('answers 405 with what the path takes', async () => {
    const allowed = async (method: string, path: string) => {
      const said = await world.operator(path, { method });
      return [said.status, said.headers['allow']];
    };
    expect(await allowed('PUT', '/api/v1/agents/x')).toEqual([405, 'DELETE, GET, PATCH']);
    expect(await allowed('DELETE', '/api/v1/tasks/')).toEqual([405, 'GET, POST']);
    expect(await allowed('PUT', '/api/v1/tasks/bulk')).toEqual([405, 'POST']);
    expect(await allowed('GET', '/api/v1/tasks/bulk')).toEqual([405, 'POST']);
    expect(await allowed('HEAD', '/api/v1/tasks/bulk')).toEqual([405, 'POST']);
    expect((await world.operator('/api/v1/tasks/x', { method: 'HEAD' })).status).toBe(422);
    expect(await allowed('OPTIONS', '/api/v1/whoami')).toEqual([405, 'GET']);
    const agents = await world.agentSays('/api/v1/agents/register', { method: 'GET' });
    expect([agents.status, agents.headers['allow']]).toEqual([405, 'POST']);
  });

  it('answers HEAD as GET without a body', async () => {
    const said = await world.operator('/api/v1/whoami', { method: 'HEAD' });
    expect([said.status, said.text]).toEqual([200, '']);
    expect(
      (await world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, { method: 'HEAD' })).status,
    ).toBe(401);
  });

  it('takes DELETE without a body and without Content-Length', async () => {
    const { id } = await world.key();
    const answer = await rawRequest(world.api.running.operatorPort, [
      `DELETE /api/v1/enrolment-tokens/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await world.token('admin')}\r\n\r\n`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 204 /);
    for (const method of ['DELETE', 'GET']) {
      const path = method === 'DELETE' ? `/api/v1/enrolment-tokens/${id}` : '/api/v1/whoami';
      const said = await world.operator(path, { method, body: '' });
      expect(said.status).toBe(method === 'DELETE' ? 204 : 200);
    }
  });

  it('takes POST without a body where none is needed', async () => {
    const agent = await world.enrol();
    const answer = await rawRequest(world.api.running.operatorPort, [
      `POST /api/v1/agents/${agent.id}/revoke HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await world.token('admin')}\r\n\r\n`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('says that its answers are for programs and are not to be kept', async () => {
    const { headers } = await world.operator('/api/v1/agents');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    const ca = await world.operator('/api/v1/ca-certificate');
    expect(ca.headers['cache-control']).toBe('max-age=300');
  });

  it('tells nothing of an error of its own, but logs it under the correlation id', async () => {
    const lines: string[] = [];
    const broken = await World.start({ logTo: { write: (line) => lines.push(line) } });
    try {
      const headers = { 'x-correlation-id': 'broken-1' };
      await broken.token('admin');
      await broken.api.database.pool.query('ALTER TABLE alert RENAME TO alert_elsewhere');
      const said = await broken.operator('/api/v1/alerts', { headers });
      expect(said.body).toMatchObject({ status: 500, code: 'internal-error', correlation_id: 'broken-1' });
      expect(said.text).not.toMatch(/alert_|does not exist|sql/i);
      expect(lines.some((line) => line.includes('broken-1') && line.includes('does not exist'))).toBe(true);
    } finally {
      await broken.dispose();
    }
  });
});
