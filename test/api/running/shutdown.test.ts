import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { waitingForLocks } from '../../db/support/overtaken.ts';
import { call } from '../../harness/agent-client.ts';
import { eventually } from '../../harness/eventually.ts';
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
    // Both have arrived when both wait for the tables.
    await eventually(async () => expect(await waitingForLocks(pool)).toBe(2));
    const session = connectHttp2(world.api.agentUrl, {
      ca: world.api.caPem,
      cert: agent.certificate,
      key: agent.keyPem,
    });
    const stream = session.request({
      ':path': `/api/v1/agents/${agent.id}/tasks`,
      expect: '100-continue',
    });
    const overHttp2 = new Promise<number>((resolve, reject) => {
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', reject);
      stream.resume();
    });
    await once(stream, 'continue');
    const stopped = running.stop();
    const knock = () =>
      new Promise<string>((resolve) => {
        const socket = connect(running.operatorPort, '127.0.0.1', () => {
          socket.destroy();
          resolve('taken');
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      });
    await eventually(async () => expect(await knock()).toBe('ECONNREFUSED'));
    await client.query('COMMIT');
    client.release();
    expect((await operator).status).toBe(200);
    expect((await heartbeat).status).toBe(200);
    expect(await overHttp2).toBe(200);
    // The agents' connections are kept alive by them, and ended by us.
    const ended = session.destroyed || new Promise((resolve) => session.once('close', resolve));
    await stopped;
    await ended;
    world.api.running.stop = () => Promise.resolve();
    await world.dispose();
  });
});
