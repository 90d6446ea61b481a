import { connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { startApi } from '../../../api/server.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { openClient } from '../../../runtime/temporal.ts';
import type { TestAgent } from '../../harness/agent-client.ts';
import { testConfig } from '../../harness/database.ts';
import { UNLIMITED, World } from '../support/world.ts';

interface Exchange {
  readonly status: number;
  readonly reused: boolean;
  readonly protocol: string | null;
  readonly session: Buffer;
}

/** One heartbeat over a connection of its own, spoken by hand, so that the session can be kept. */
function exchange(port: number, agentId: string, options: ConnectionOptions): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: 'localhost', port, servername: 'localhost', ...options });
    let session = Buffer.alloc(0);
    let answer = '';
    let agreed: Pick<Exchange, 'reused' | 'protocol'> = { reused: false, protocol: null };
    socket.on('session', (ticket) => {
      session = ticket;
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      agreed = { reused: socket.isSessionReused(), protocol: socket.getProtocol() };
      socket.write(
        `POST /api/v1/agents/${agentId}/heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
    });
    socket.on('close', () =>
      resolve({
        status: Number(answer.split(' ')[1]),
        ...agreed,
        session,
      }),
    );
  });
}

describe('The agents’ TLS listener', () => {
  let world: World;
  let agent: TestAgent;
  let port: number;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
    port = world.api.running.agentPort;
  });
  afterAll(() => world?.dispose());

  const own = (of: TestAgent): ConnectionOptions => ({
    ca: world.api.caPem,
    cert: of.certificate,
    key: of.keyPem,
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'speaks %s, resumes sessions, and knows the agent of a resumed one',
    async (version) => {
      const options = { ...own(agent), minVersion: version, maxVersion: version };
      const first = await exchange(port, agent.id, options);
      expect(first).toMatchObject({ status: 200, reused: false });
      const { session } = first;
      expect(session.length).toBeGreaterThan(0);
      expect(await exchange(port, agent.id, { ...options, session })).toMatchObject({
        status: 200,
        reused: true,
      });
      const other = await world.enrol();
      expect(await exchange(port, other.id, { ...options, session })).toMatchObject({
        status: 403,
        reused: true,
      });
    },
  );

  it('refuses TLS 1.1', async () => {
    const options = {
      ...own(agent),
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(exchange(port, agent.id, options)).rejects.toThrow(
      /protocol version|unsupported protocol|no protocols/i,
    );
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'lets a %s session be resumed at another replica that shares the ticket keys; revocation holds there, too',
    async (version) => {
      const { url } = world.api.database;
      const temporal = openClient({ connection: { address: '127.0.0.1:1' }, namespace: 'default' });
      const replica = await startApi(
        testConfig(url, { EUCORA_DATA_DIR: world.api.dataDir, ...UNLIMITED }),
        temporal,
        createLogger('test', 'silent'),
      );
      try {
        const resumed = await world.enrol();
        const options = { ...own(resumed), minVersion: version, maxVersion: version };
        const { session } = await exchange(port, resumed.id, options);
        expect(await exchange(replica.agentPort, resumed.id, { ...options, session })).toMatchObject({
          status: 200,
          reused: true,
        });
        await world.operator(`/api/v1/agents/${resumed.id}/revoke`, { method: 'POST' });
        expect(await exchange(replica.agentPort, resumed.id, { ...options, session })).toMatchObject({
          status: 401,
          reused: true,
        });
      } finally {
        await replica.stop();
        await temporal.connection.close();
      }
    },
  );

  it('speaks HTTP/2 with many requests at once over one connection, and empty bodies', async () => {
    const session = connectHttp2(world.api.agentUrl, own(agent));
    const ask = (path: string, body: string | undefined, headers: Record<string, string> = {}) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
        let status = 0;
        let text = '';
        stream.on('response', (got) => {
          status = Number(got[':status']);
        });
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        stream.on('end', () => resolve({ status, text }));
        stream.on('error', reject);
        stream.end(body);
      });
    // Before that, a client does not know how many it may ask at once.
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const json = { 'content-type': 'application/json' };
    const beats = await Promise.all(
      Array.from({ length: 50 }, () => ask(`/api/v1/agents/${agent.id}/heartbeat`, '{}', json)),
    );
    expect(new Set(beats.map(({ status }) => status))).toEqual(new Set([200]));
    const id = await world.startedTask(agent);
    const words = await Promise.all([
      ask(`/api/v1/agents/tasks/${id}/start`, undefined),
      ask(`/api/v1/agents/tasks/${id}/progress`, undefined, json),
    ]);
    expect(words.map(({ status }) => status)).toEqual([200, 200]);
    expect((await ask(`/api/v1/agents/tasks/${id}/complete`, undefined)).status).toBe(200);
    session.close();
  });

  it('survives connections that break in the handshake or speak no TLS', async () => {
    await expect(
      exchange(port, agent.id, { ca: world.api.caPem, ciphers: 'NULL', maxVersion: 'TLSv1.2' }),
    ).rejects.toThrow();
    const plain = await fetch(`http://localhost:${port}/`).catch(() => 'refused');
    expect(plain).toBe('refused');
    expect((await agent.heartbeat()).status).toBe(200);
  });
});
