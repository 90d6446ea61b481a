import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { call } from '../../harness/agent-client.ts';
import { World } from '../support/world.ts';

describe('Closing', () => {
  it('answers requests under way on both listeners, takes no new ones, and is done', async () => {
    const world = await World.start();
    const agent = await world.enrol();
    const token = await world.token('admin');
    const { pool } = world.api.database;
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('LOCK TABLE agent, agent_presence IN ACCESS EXCLUSIVE MODE');
    const { operatorUrl, running } = world.api;
    const operator = call(`${operatorUrl}/api/v1/agents`, { headers: { authorization: `Bearer ${token}` } });
    const heartbeat = agent.heartbeat();
    const session = connectHttp2(world.api.agentUrl, {
      ca: world.api.caPem,
      cert: agent.certificate,
      key: agent.keyPem,
    });
    const overHttp2 = new Promise<number>((resolve, reject) => {
      const stream = session.request({ ':path': `/api/v1/agents/${agent.id}/tasks` });
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', reject);
      stream.resume();
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const stopped = running.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const refused = await new Promise<string>((resolve) => {
      const socket = connect(running.operatorPort, '127.0.0.1', () => resolve('taken'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    expect(refused).toBe('ECONNREFUSED');
    await client.query('COMMIT');
    client.release();
    expect((await operator).status).toBe(200);
    expect((await heartbeat).status).toBe(200);
    expect(await overHttp2).toBe(200);
    // The agents' connections are kept alive by them, and ended by us.
    const began = Date.now();
    await stopped;
    expect(Date.now() - began).toBeLessThan(8_000);
    session.destroy();
    world.api.running.stop = () => Promise.resolve();
    await world.dispose();
  });
});
