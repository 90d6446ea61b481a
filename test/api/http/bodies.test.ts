import type { TestAgent } from '../../harness/agent-client.ts';
import { rawRequest } from '../support/raw.ts';
import { World } from '../support/world.ts';

const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

describe('Bodies of requests', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    world.operator(path, { body, headers });
  const say = (id: string, word: string, headers: Record<string, string> = {}, body?: unknown) =>
    world.agentSays(`/api/v1/agents/tasks/${id}/${word}`, { agent, method: 'POST', headers, body });

  it.each(['/api/v1/tasks', '/api/v1/tasks/bulk', '/api/v1/enrolment-tokens', '/api/v1/operator-tokens'])(
    'must be JSON and say so: %s',
    async (path) => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/jsonx',
      ])
        expect((await post(path, '{}', { 'content-type': type })).status).toBe(415);
      for (const body of ['', '{', '{"a":}', 'null,', '\u0000', '{"a":1}}'])
        expect([body, (await post(path, body)).body['code']]).toEqual([body, 'invalid-request']);
      for (const body of ['null', '[]', '7', '"text"', '{}'])
        expect([body, (await post(path, body)).body['code']]).toEqual([body, 'validation-failed']);
      expect((await post(path, '{}', { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(
        422,
      );
    },
  );

  it('may be left out of start, progress and complete, with and without a content type', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }] as Record<string, string>[]) {
      const id = await world.startedTask(agent);
      expect((await say(id, 'start', headers)).status).toBe(200);
      expect((await say(id, 'progress', headers)).status).toBe(200);
      expect(await say(id, 'complete', headers)).toMatchObject({
        status: 200,
        body: { status: 'COMPLETED' },
      });
    }
  });

  it('may not be something else where they may be left out', async () => {
    const id = await world.startedTask(agent);
    expect((await say(id, 'complete', { 'content-type': 'text/plain' }, 'done')).status).toBe(415);
    expect((await say(id, 'complete', {}, '{')).status).toBe(400);
    expect((await say(id, 'complete', {}, '{"result": 7}')).status).toBe(422);
    expect((await say(id, 'fail', {}, '')).status).toBe(422);
  });

  it('must not be larger than allowed, whether they tell their length or not', async () => {
    const big = Buffer.alloc(2 * 1_048_576 + 1, 32);
    expect((await post('/api/v1/tasks', big)).body['code']).toBe('payload-too-large');
    const authorization = `Authorization: Bearer ${await world.token('admin')}`;
    const chunk = `${(65_536).toString(16)}\r\n${' '.repeat(65_536)}\r\n`;
    const answer = await rawRequest(world.api.running.operatorPort, [
      `POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\n${authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...Array.from({ length: 40 }, () => chunk),
      '0\r\n\r\n',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"payload-too-large"');
  });

  it.each([
    ['payload', { payload: { a: 'b\u0000c' } }],
    ['key of payload', { payload: { 'b\u0000c': 1 } }],
    ['payload in an array', { payload: { a: ['\u0000'] } }],
  ])('must not hold NUL in a %s', async (_where, fields) => {
    const said = await post('/api/v1/tasks', { agent_id: agent.id, task_type: 'COLLECT', ...fields });
    expect([said.status, said.body['code']]).toEqual([422, 'validation-failed']);
  });

  it('must not hold NUL or lone surrogates in any text, and never cost a 500', async () => {
    for (const bad of ['a\u0000b', 'a\ud800b', '\udc00']) {
      const said = [
        await post('/api/v1/enrolment-tokens', { name: bad }),
        await post('/api/v1/enrolment-tokens', { name: 'n', tags: { site: bad } }),
        await post('/api/v1/operator-tokens', { name: bad, scopes: ['viewer'] }),
        await post('/api/v1/tasks', { agent_id: agent.id, task_type: 'COLLECT', payload: { a: bad } }),
        await world.operator(`/api/v1/agents/${agent.id}`, {
          method: 'PATCH',
          body: { tags: { site: bad } },
        }),
        await world.register({ registration_key: 'x', hostname: bad }),
        await world.agentSays(`/api/v1/agents/${agent.id}/heartbeat`, { agent, body: { last_error: bad } }),
        await world.agentSays(`/api/v1/agents/${agent.id}/telemetry`, {
          agent,
          body: { collected_at: new Date().toISOString(), installed_software: [{ name: bad, version: '1' }] },
        }),
        await world.agentSays(`/api/v1/agents/${agent.id}/deployment-status`, {
          agent,
          body: { package_name: bad, package_version: '1', status: 'FAILED' },
        }),
      ];
      expect(said.map(({ status }) => status)).toEqual(said.map(() => 422));
    }
    const unknownKey = await world.register({ registration_key: 'a\u0000\ud800b' });
    expect(unknownKey.status).toBe(401);
  });

  it('may hold every other character', async () => {
    const name = `Zürich \u0001 ${'🖥'.repeat(20)} \u202e \ufffe`;
    const said = await post('/api/v1/enrolment-tokens', { name, tags: { site: name } });
    expect(said.body).toMatchObject({ name, tags: { site: name } });
  });

  it('may be nested 32 deep and no deeper', async () => {
    const create = (levels: number) =>
      post('/api/v1/tasks', { agent_id: agent.id, task_type: 'COLLECT', payload: deep(levels) });
    expect((await create(32)).status).toBe(201);
    expect((await create(33)).status).toBe(422);
    const abyss = `{"agent_id":"${agent.id}","task_type":"COLLECT","payload":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
    expect((await post('/api/v1/tasks', abyss)).status).toBe(422);
  });

  it('with names that are not known are refused, each named; misspelt filters choose nobody', async () => {
    const task = { agent_id: agent.id, task_type: 'COLLECT' };
    for (const [path, body, unknown] of [
      ['/api/v1/tasks', { ...task, max_retires: 0 }, ['max_retires']],
      [
        '/api/v1/tasks/bulk',
        { selection: { platfrom: 'linux', tga: 'x', is_online: true }, task_type: 'COLLECT' },
        ['selection.platfrom', 'selection.tga'],
      ],
      [
        '/api/v1/tasks/bulk?dryrun=true',
        { selection: { is_online: true }, task_type: 'COLLECT' },
        ['dryrun'],
      ],
      ['/api/v1/enrolment-tokens', { name: 'n', max_use: 1 }, ['max_use']],
      ['/api/v1/operator-tokens', { name: 'n', scopes: ['viewer'], expires: 1 }, ['expires']],
    ] as const) {
      const said = await post(path, body);
      expect([path, said.status]).toEqual([path, 422]);
      expect((said.body['errors'] as { path: string }[]).map((error) => error.path)).toEqual(unknown);
    }
    const patch = { method: 'PATCH', body: { tags: {}, hostname: 'x' } };
    expect((await world.operator(`/api/v1/agents/${agent.id}`, patch)).status).toBe(422);
    // Agents may be newer than the platform.
    expect((await agent.heartbeat({ mood: 'fine' })).status).toBe(200);
    const { components } = world.contract.document as {
      components?: { schemas: Record<string, { additionalProperties?: unknown }> };
    };
    for (const name of [
      'CreateTask',
      'CreateTasks',
      'AgentPatch',
      'EnrolmentTokenRequest',
      'OperatorTokenRequest',
    ])
      expect([name, components?.schemas[name]?.additionalProperties]).toEqual([name, false]);
  });

  it('get each wrong value named', async () => {
    const said = await post('/api/v1/tasks', { agent_id: 'x', task_type: 'DANCE', timeout_seconds: 0 });
    expect(said.body).toMatchObject({ status: 422, instance: '/api/v1/tasks' });
    const errors = said.body['errors'] as { path: string }[];
    expect(errors.map(({ path }) => path).sort()).toEqual(['agent_id', 'task_type', 'timeout_seconds']);
  });

  it('with long error texts that are cut for the audit between the halves of a character cost nothing', async () => {
    const last_error = `x${'🖥'.repeat(999)}`;
    expect((await agent.heartbeat({ last_error })).body).toMatchObject({ status: 'DEGRADED' });
    expect((await agent.heartbeat()).body).toMatchObject({ status: 'ONLINE' });
    const id = await world.startedTask(agent);
    expect((await say(id, 'fail', {}, { error_message: last_error })).status).toBe(200);
  });
});
