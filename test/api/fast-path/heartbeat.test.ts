import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createHeartbeatFastPath } from '../../../api/fast-path/heartbeat.ts';
import { listenHttp } from '../../../api/listeners/listen.ts';
import type { TestAgent } from '../../harness/agent-client.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawRequest } from '../support/raw.ts';
import { TwoWays } from './support/two-ways.ts';

const OTHER = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

describe('Heartbeats that are answered before they reach the routes', () => {
  let ways: TwoWays;
  let agent: TestAgent;
  beforeAll(async () => {
    ways = await TwoWays.start();
    agent = await ways.world.enrol({ hardware_id: 'hardware-of-one' });
  });
  afterAll(() => ways?.dispose());

  const certificateOf = (one: TestAgent) =>
    `Client-Cert: :${new X509Certificate(one.certificate).raw.toString('base64')}:`;

  interface Deviations {
    readonly method?: string;
    readonly id?: string;
    readonly path?: string;
    readonly host?: string;
    readonly type?: string;
    readonly certificate?: string;
    readonly headers?: readonly string[];
    readonly body?: string | Buffer;
    readonly length?: string;
  }

  /** A heartbeat as it goes over the wire, with deviations. */
  const beat = ({
    method = 'POST',
    id = agent.id,
    path = `/api/v1/agents/${id}/heartbeat`,
    host = 'localhost',
    type = 'application/json',
    certificate = certificateOf(agent),
    headers = [],
    body = '{}',
    length = String(Buffer.byteLength(body)),
  }: Deviations = {}): Buffer =>
    Buffer.concat([
      Buffer.from(
        [
          `${method} ${path} HTTP/1.1`,
          `Host: ${host}`,
          ...(type === '' ? [] : [`Content-Type: ${type}`]),
          ...(length === '' ? [] : [`Content-Length: ${length}`]),
          ...(certificate === '' ? [] : [certificate]),
          'Connection: close',
          ...headers,
          '\r\n',
        ].join('\r\n'),
      ),
      Buffer.from(body),
    ]);

  it.each<[string, Deviations]>([
    ['that say nothing', {}],
    ['that say all there is', { body: JSON.stringify(said({ last_error: null })) }],
    ['with what the platform does not know', { body: '{"colour": "red"}' }],
    ['with a correlation id', { headers: ['X-Correlation-ID: mine'] }],
    ['with a correlation id that is none', { headers: ['X-Correlation-ID: not / mine'] }],
    ['that name the encoding', { type: 'application/json; charset=utf-8' }],
    ['with bytes that are no UTF-8', { body: Buffer.from('7b226c6173745f6572726f72223a22ff227d', 'hex') }],
    ['of an agent that is not well', { body: JSON.stringify(said({ status: 'DEGRADED' })) }],
    ['of an agent that is well again', { body: JSON.stringify(said()) }],
  ])('get the answer that the routes would give: %s', async (_what, deviations) => {
    const { fast, routed, left } = await ways.compare(beat(deviations));
    expect(fast).toMatch(/^HTTP\/1\.1 200 /);
    expect(fast).toEqual(routed);
    expect(left).toBe(0);
  });

  it.each<[number, string, () => Deviations]>([
    [400, 'JSON that is none', () => ({ body: '{' })],
    [400, 'a mark of byte order', () => ({ body: '\ufeff{' })],
    [400, 'no body', () => ({ body: '' })],
    [422, 'a body that is no object', () => ({ body: '[]' })],
    [422, 'values of another kind', () => ({ body: '{"agent_version": 7}' })],
    [422, 'a counter with a name that is none', () => ({ body: '{"counters": {"a b": 1}}' })],
    [422, 'a lone surrogate', () => ({ body: '{"last_error": "\\ud800"}' })],
    [415, 'another type', () => ({ type: 'text/plain' })],
    [415, 'no type', () => ({ type: '' })],
    [413, 'more than a heartbeat may hold', () => ({ body: ' '.repeat(70_000) })],
    [401, 'no certificate', () => ({ certificate: '' })],
    [401, 'a certificate that is none', () => ({ certificate: 'Client-Cert: :AAAA:' })],
    [403, 'the path of another agent', () => ({ id: OTHER })],
    [400, 'a host that is none', () => ({ host: 'a b' })],
    [405, 'another method', () => ({ method: 'PUT' })],
    [409, 'the word of another machine', () => ({ body: '{"hardware_id": "hardware-of-two"}' })],
  ])('are left to the routes, which refuse them: %s %s', async (status, _what, deviations) => {
    const { fast, routed, left } = await ways.compare(beat(deviations()));
    expect(fast).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(fast).toEqual(routed);
    expect(left).toBe(1);
  });

  it.each<[string, () => Deviations]>([
    ['an id in capitals', () => ({ id: agent.id.toUpperCase() })],
    ['a query', () => ({ path: `/api/v1/agents/${agent.id}/heartbeat?a=1` })],
    ['a stroke at the end', () => ({ path: `/api/v1/agents/${agent.id}/heartbeat/` })],
    ['a whole address', () => ({ path: `http://localhost/api/v1/agents/${agent.id}/heartbeat` })],
    ['a long body', () => ({ body: `{${' '.repeat(9_000)}}` })],
    [
      'a body in pieces that do not tell its length',
      () => ({ length: '', headers: ['Transfer-Encoding: chunked'], body: '2\r\n{}\r\n0\r\n\r\n' }),
    ],
  ])('are left to the routes where their form is out of the ordinary: %s', async (_what, deviations) => {
    const { fast, routed, left } = await ways.compare(beat(deviations()));
    expect(fast).toMatch(/^HTTP\/1\.1 200 /);
    expect(fast).toEqual(routed);
    expect(left).toBe(1);
  });

  it('wait for a body that comes in pieces', async () => {
    const whole = beat({ body: '{"agent_version": "1.0.0"}' }).toString();
    const before = ways.left;
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(ways.fastPort, '127.0.0.1', async () => {
        socket.write(whole.slice(0, -20));
        await delay(50);
        socket.write(whole.slice(-20, -5));
        await delay(50);
        socket.write(whole.slice(-5));
      });
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('close', () => resolve(text)).on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(ways.left).toBe(before);
  });

  it('hand over tasks, each once', async () => {
    const taskId = await ways.world.task(agent.id);
    const first = await rawRequest(ways.fastPort, [beat().toString()]);
    const second = await rawRequest(ways.fastPort, [beat().toString()]);
    expect(first).toContain(taskId);
    expect(second).not.toContain(taskId);
  });

  it('are logged and counted as the routes do it', async () => {
    for (const port of [ways.fastPort, ways.routedPort])
      await rawRequest(port, [beat({ headers: ['X-Correlation-ID: told'] }).toString()]);
    const [fast, routed, ...more] = ways.logged('told');
    expect(more).toEqual([]);
    expect(fast).toEqual({ ...routed, duration_ms: expect.any(Number), time: expect.any(String) });
    expect(fast).toMatchObject({ level: 'debug', status: 200, agent_id: agent.id, method: 'POST' });
    const metrics = await ways.deps.metrics.metrics();
    const series = metrics.match(/^eucora_http_request_seconds_count\{.*heartbeat.*status="200"\} .*$/gm);
    expect(series).toHaveLength(1);
  });

  it('that break off are logged as the routes do it', async () => {
    for (const port of [ways.fastPort, ways.routedPort]) {
      const before = ways.logged('broken').length;
      const socket = connect(port, '127.0.0.1');
      await new Promise((sent) =>
        socket.write(beat({ headers: ['X-Correlation-ID: broken'], length: '99' }), sent),
      );
      socket.destroy();
      await eventually(() => expect(ways.logged('broken')).toHaveLength(before + 1));
    }
    const [fast, routed] = ways.logged('broken');
    expect(fast).toEqual({ ...routed, duration_ms: expect.any(Number), time: expect.any(String) });
    expect(fast).toMatchObject({ level: 'info', status: 400 });
  });

  it('of agents that are revoked or deleted are refused, and audited once', async () => {
    for (const how of ['revoke', 'delete'] as const) {
      const gone = await ways.world.enrol();
      const path = `/api/v1/agents/${gone.id}`;
      await ways.world.operator(how === 'revoke' ? `${path}/revoke` : path, {
        method: how === 'revoke' ? 'POST' : 'DELETE',
      });
      const request = beat({ id: gone.id, certificate: certificateOf(gone) });
      const { fast, routed, left } = await ways.compare(request);
      expect(fast).toMatch(/^HTTP\/1\.1 40[13] /);
      expect(fast).toEqual(routed);
      expect(left).toBe(1);
      const refused = await ways.world.audit({ action: 'security.agent_revoked', limit: '500' });
      expect(refused.filter((event) => JSON.stringify(event).includes(gone.id))).toHaveLength(2);
    }
  });

  it('count against the agent’s limit once, and beyond it are refused', async () => {
    const strict = await TwoWays.start({ EUCORA_REQUESTS_PER_MINUTE: '3' });
    try {
      const eager = await strict.world.enrol();
      const request = beat({ id: eager.id, certificate: certificateOf(eager) }).toString();
      const broken = beat({ id: eager.id, certificate: certificateOf(eager), body: '{' }).toString();
      const statuses = [];
      for (const one of [request, broken, request, request, request])
        statuses.push((await rawRequest(strict.fastPort, [one])).slice(9, 12));
      expect(statuses).toEqual(['200', '400', '200', '429', '429']);
      const audited = await strict.world.audit({ action: 'security.rate_limited' });
      expect(audited).toHaveLength(1);
    } finally {
      await strict.dispose();
    }
  });

  it('end with their connection, and are logged, when there is no way to answer', async () => {
    const broken = createHeartbeatFastPath(ways.deps, () => {
      throw new Error('The routes are broken');
    });
    const listener = await listenHttp(broken, '127.0.0.1', 0);
    const silence = await rawRequest(listener.port, [beat({ method: 'GET' }).toString()]).catch(() => '');
    expect(silence).toBe('');
    expect(ways.logged(undefined)).toContainEqual(
      expect.objectContaining({ err: expect.objectContaining({ message: 'The routes are broken' }) }),
    );
    await listener.close();
  });

  it('fail as the routes do when the database fails, and are not tried twice', async () => {
    await ways.world.api.database.pool.query('ALTER TABLE agent_presence RENAME TO away');
    try {
      const { fast, routed } = await ways.compare(beat());
      expect(fast).toMatch(/^HTTP\/1\.1 500 /);
      expect(fast).toEqual(routed);
    } finally {
      await ways.world.api.database.pool.query('ALTER TABLE away RENAME TO agent_presence');
    }
  });

  function said(fields: object = {}) {
    return {
      agent_version: '1.0.0',
      status: 'ONLINE',
      hardware_id: 'hardware-of-one',
      instance_id: '0b7a3c7e-6f0e-4a43-9d3f-2a1f6d1f7c11',
      counters: { waiting: 1 },
      ...fields,
    };
  }
});
