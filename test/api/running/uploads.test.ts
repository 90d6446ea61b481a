import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../../../api/context.ts';
import { type Listener, listenHttp } from '../../../api/listeners/listen.ts';

describe('Uploads', () => {
  let listener: Listener;
  beforeAll(async () => {
    const app = new OpenAPIHono<ApiEnv>();
    app.post('/', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
    app.onError((_error, c) => c.text('', 400));
    listener = await listenHttp(getRequestListener(app.fetch), '127.0.0.1', 0, 600);
  });
  afterAll(() => listener.close());

  /** Sends `bytes` of 10, one every 200 ms or as soon as the machine can, and waits for the answer or the end. */
  async function upload(bytes: number): Promise<{ answer: string; tookMs: number; longestPauseMs: number }> {
    const began = Date.now();
    let [last, longestPauseMs] = [began, 0];
    const socket = connect(listener.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n');
    for (let n = 0; n < bytes; n += 1) {
      await delay(200);
      socket.write('x');
      longestPauseMs = Math.max(longestPauseMs, Date.now() - last);
      last = Date.now();
    }
    await closed;
    return { answer, tookMs: Date.now() - began, longestPauseMs };
  }

  it('may take longer than any limit, if only they go on', async () => {
    let { answer, tookMs, longestPauseMs } = await upload(10);
    // On a busy machine the sender itself may have been silent for too long.
    while (answer === '' && longestPauseMs > 400) ({ answer, tookMs, longestPauseMs } = await upload(10));
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n10$/s);
    expect(tookMs).toBeGreaterThan(1_900);
  });

  it('are ended when nothing comes any more', async () => {
    const { answer } = await upload(3);
    expect(answer).toBe('');
  });
});
