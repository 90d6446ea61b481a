import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../../../api/context.ts';
import { listenTls } from '../../../api/listeners/listen.ts';
import { createAgentTlsServer } from '../../../api/listeners/tls.ts';
import type { TestAgent } from '../../harness/agent-client.ts';
import { testConfig } from '../../harness/database.ts';
import { World } from '../support/world.ts';

const ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
const MIB = Buffer.alloc(1_048_576, 32);

interface Exchange {
  readonly status: number;
  readonly sent: number;
}

/** Sends a body without a length as long as the server takes it, `chunks` MiB at most. */
function pour(session: ClientHttp2Session, headers: OutgoingHttpHeaders, chunks: number): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', 'content-type': 'application/json', ...headers });
    let sent = 0;
    let status = 0;
    stream.on('response', (answer) => {
      status = Number(answer[':status']);
    });
    stream.on('error', () => undefined);
    stream.on('close', () => resolve({ status, sent }));
    session.on('error', reject);
    stream.resume();
    const next = () => {
      if (status !== 0 || stream.destroyed) return stream.close();
      if (sent >= chunks) return stream.end();
      stream.write(MIB, () => {
        sent += 1;
        setImmediate(next);
      });
      return undefined;
    };
    next();
  });
}

describe('Strangers on the agents’ listener', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const open = (certified?: TestAgent) =>
    connectHttp2(world.api.agentUrl, {
      ca: world.api.caPem,
      ...(certified === undefined ? {} : { cert: certified.certificate, key: certified.keyPem }),
    });

  it.each(['heartbeat', 'telemetry', 'certificate/renew', 'deployment-status'])(
    'are refused before anything of a body is read: %s',
    async (what) => {
      const session = open();
      const { status, sent } = await pour(session, { ':path': `/api/v1/agents/${ID}/${what}` }, 8);
      session.destroy();
      expect(status).toBe(401);
      expect(sent).toBeLessThan(4);
    },
  );

  it('may send small requests for enrolment only', async () => {
    const session = open();
    const { status, sent } = await pour(session, { ':path': '/api/v1/agents/register' }, 8);
    session.destroy();
    expect(status).toBe(413);
    expect(sent).toBeLessThan(4);
  });

  it('and agents are held to the length that they declare', async () => {
    const session = open(agent);
    const headers = { ':path': `/api/v1/agents/${agent.id}/heartbeat`, 'content-length': '2' };
    const { status, sent } = await pour(session, headers, 8);
    session.destroy();
    expect(status).not.toBe(200);
    expect(sent).toBeLessThan(4);
  });

  it('cannot make operators’ bodies be read, either', async () => {
    const said = await world.contract.call(`${world.api.operatorUrl}/api/v1/tasks`, {
      body: Buffer.alloc(3 * 1_048_576, 32),
    });
    expect(said.status).toBe(401);
  });

  it.each([
    ['heartbeat', 65_536],
    ['telemetry', 8 * 1_048_576],
  ])('agents themselves have a limit for %s', async (what, limit) => {
    const post = (bytes: number) =>
      world.agentSays(`/api/v1/agents/${agent.id}/${what}`, { agent, body: Buffer.alloc(bytes, 32) });
    expect((await post(limit)).status).toBe(400);
    expect((await post(limit + 1)).status).toBe(413);
  });

  it('may open 32 streams at once on a connection', async () => {
    const session = open();
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(32);
    session.destroy();
  });

  it('cannot make up series of metrics by methods of their own', async () => {
    const session = open();
    for (const method of ['PURGE', 'X1', 'X2'])
      await pour(session, { ':method': method, ':path': '/health/live' }, 0);
    session.destroy();
    const { text } = await world.operator('/metrics');
    expect(text).toMatch(/method="other"/);
    expect(text).not.toMatch(/PURGE|X1/);
    for (const path of ['/made/up', '/api/v1/agents/x/made-up']) await world.agentSays(path);
    const after = (await world.operator('/metrics')).text;
    expect(after).not.toMatch(/made/);
    const unmatched = after.match(/seconds_count\{listener="agent",method="GET",route="[^"]*",status="404"/g);
    expect(unmatched).toHaveLength(1);
  });

  it('cannot leave connections and bodies lying open', async () => {
    const config = testConfig('postgres://x', { EUCORA_DATA_DIR: world.api.dataDir });
    const tls = await createAgentTlsServer(config, world.api.authority);
    const app = new OpenAPIHono<ApiEnv>();
    app.post('/', async (c) => c.text(await c.req.text()));
    app.onError((_error, c) => c.text('', 400));
    const limits = { idleMs: 1_500, stallMs: 300, bodyMs: 6_000 };
    const listener = await listenTls(getRequestListener(app.fetch), tls, '127.0.0.1', 0, limits);
    const session = connectHttp2(`https://localhost:${listener.port}`, { ca: world.api.caPem });
    try {
      const silent = session.request({ ':method': 'POST', ':path': '/' });
      silent.on('error', () => undefined);
      silent.write('{');
      const began = Date.now();
      await new Promise((resolve) => silent.once('close', resolve));
      expect(Date.now() - began).toBeLessThan(5_000);

      const trickle = async (): Promise<{ lastedMs: number; longestPauseMs: number }> => {
        const trickling = session.request({ ':method': 'POST', ':path': '/' });
        trickling.on('error', () => undefined);
        const dripped = Date.now();
        let [last, longestPauseMs] = [dripped, 0];
        const drip = setInterval(() => {
          if (trickling.writable) trickling.write(' ');
          longestPauseMs = Math.max(longestPauseMs, Date.now() - last);
          last = Date.now();
        }, 50);
        await new Promise((resolve) => trickling.once('close', resolve));
        clearInterval(drip);
        return { lastedMs: Date.now() - dripped, longestPauseMs };
      };
      let trickled = await trickle();
      // On a busy machine the sender itself may have been silent for too long.
      while (trickled.lastedMs < 5_000 && trickled.longestPauseMs > 150) trickled = await trickle();
      expect(trickled.lastedMs).toBeGreaterThan(5_000);

      // Idle now, and ended for that: the client never would.
      if (!session.destroyed) await new Promise((resolve) => session.once('close', resolve));
    } finally {
      session.destroy();
      await listener.close();
    }
  });
});
