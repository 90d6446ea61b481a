import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import type { TestAgent } from '../../harness/agent-client.ts';
import { eventually } from '../../harness/eventually.ts';
import { World } from '../support/world.ts';

describe('What the API tells of itself', () => {
  const lines: string[] = [];
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start({ logTo: { write: (line) => lines.push(line) } });
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  it('logs each request as a line of JSON with correlation id, who, what and how long', async () => {
    await world.operator('/api/v1/agents?hostname=private', { headers: { 'x-correlation-id': 'log-1' } });
    const line = logged().find(({ correlation_id }) => correlation_id === 'log-1');
    expect(line).toMatchObject({
      level: 'info',
      method: 'GET',
      path: '/api/v1/agents',
      status: 200,
      operator: 'test-admin',
      time: expect.stringMatching(/Z$/),
      duration_ms: expect.any(Number),
    });
    expect(JSON.stringify(line)).not.toContain('private');
    await agent.get(`/api/v1/agents/${agent.id}/tasks`);
    expect(logged().some(({ agent_id }) => agent_id === agent.id)).toBe(true);
  });

  it('logs no secret: tokens, registration keys, requests for certificates', async () => {
    const token = await world.token('admin');
    const key = await world.key();
    await world.register({ registration_key: key.token });
    await world.register({ registration_key: key.token });
    await world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, {
      headers: { authorization: 'Bearer wrong-secret', cookie: 'session=crumbs' },
    });
    const all = lines.join('');
    for (const secret of [token, key.token, 'wrong-secret', 'crumbs', 'BEGIN CERTIFICATE', agent.keyPem])
      expect(all.includes(secret)).toBe(false);
  });

  it('logs heartbeats that go well at debug only', async () => {
    await agent.heartbeat();
    const beat = logged().find(({ path }) => String(path).endsWith('/heartbeat'));
    expect(beat).toMatchObject({ level: 'debug' });
  });

  it('takes bodies that break off for no mistake of its own', async () => {
    const tls = { ca: world.api.caPem, cert: agent.certificate, key: agent.keyPem };
    // By the answer to `Expect` both callers know that their requests are under way.
    const headers = {
      'x-correlation-id': 'broken-off',
      'content-type': 'application/json',
      expect: '100-continue',
    };
    const path = `/api/v1/agents/${agent.id}/telemetry`;
    const session = connectHttp2(world.api.agentUrl, tls);
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.on('error', () => undefined);
    stream.write('{"collected_at":');
    await new Promise((resolve) => stream.once('continue', resolve));
    session.destroy();
    const http1 = connect({ ...tls, host: 'localhost', port: world.api.running.agentPort });
    http1.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: broken-off\r\nContent-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n{`,
    );
    const [begun] = await once(http1, 'data');
    expect(String(begun)).toMatch(/^HTTP\/1\.1 100 /);
    http1.destroy();
    const about = await eventually(() => {
      const found = logged().filter(({ correlation_id }) => correlation_id === 'broken-off');
      expect(found).toHaveLength(2);
      return found;
    });
    expect(about.map(({ level, status }) => [level, status])).toEqual([
      ['info', 400],
      ['info', 400],
    ]);
  });

  it('counts requests for Prometheus by route, not by path', async () => {
    await world.operator(`/api/v1/agents/${agent.id}`);
    const { text, headers } = await world.operator('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toMatch(
      /eucora_http_request_seconds_count\{listener="operator",method="GET",route="\/api\/v1\/agents\/:id",status="200"\} \d/,
    );
    expect(text).toMatch(
      /listener="agent",method="POST",route="\/api\/v1\/agents\/:id\/heartbeat",status="200"/,
    );
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain(agent.id);
  });
});
