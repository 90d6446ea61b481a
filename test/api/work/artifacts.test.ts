import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { request } from 'undici';
import type { TestAgent } from '../../harness/agent-client.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawRequest } from '../support/raw.ts';
import { World } from '../support/world.ts';

const LIMIT = 4 * 1_048_576;
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe('Artifacts', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start({ overrides: { EUCORA_MAX_ARTIFACT_BYTES: String(LIMIT) } });
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const upload = (content: Buffer, query = 'name=a.deb', type = 'application/octet-stream') =>
    world.operator(`/api/v1/artifacts?${query}`, { body: content, headers: { 'content-type': type } });
  const download = (hash: string, headers: Record<string, string> = {}, method = 'GET') =>
    world.agentSays(`/api/v1/artifacts/${hash}`, { agent, headers, method });
  const leftovers = async () =>
    (await readdir(join(world.api.dataDir, 'artifacts'))).filter((name) => name.startsWith('incoming'));

  it('come back byte by byte, with their length and an ETag', async () => {
    const content = randomBytes(300_000);
    const kept = await upload(content);
    expect(kept.body).toMatchObject({ sha256: sha256(content), size_bytes: 300_000, name: 'a.deb' });
    const { body, headers } = await request(`${world.api.agentUrl}/api/v1/artifacts/${kept.body['sha256']}`, {
      dispatcher: agent.dispatcher,
    });
    expect(sha256(Buffer.from(await body.arrayBuffer()))).toBe(kept.body['sha256']);
    expect(headers).toMatchObject({
      'content-length': '300000',
      'accept-ranges': 'bytes',
      etag: `"${kept.body['sha256']}"`,
      'content-type': 'application/octet-stream',
    });
  });

  it('are kept once: the same content under another name is the same artifact', async () => {
    const content = Buffer.from('the same');
    const first = await upload(content, 'name=first');
    const second = await upload(content, 'name=second');
    expect([second.status, second.body]).toEqual([201, first.body]);
    const created = await world.audit({ action: 'artifact.create', object_id: sha256(content) });
    expect(created).toHaveLength(1);
  });

  it('are refused when they have another hash than promised, and nothing is left behind', async () => {
    const content = Buffer.from('promised');
    expect((await upload(content, `name=a&sha256=${sha256(content)}`)).status).toBe(201);
    const refused = await upload(Buffer.from('other'), `name=a&sha256=${sha256(content)}`);
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'sha256' }] } });
    expect(await leftovers()).toEqual([]);
    expect((await download(sha256(Buffer.from('other')))).status).toBe(404);
  });

  it('are refused when they are too large, told or found out, and nothing is left behind', async () => {
    expect((await upload(Buffer.alloc(LIMIT))).status).toBe(201);
    expect((await upload(Buffer.alloc(LIMIT + 1))).body['code']).toBe('payload-too-large');
    const chunk = `${(1_048_576).toString(16)}\r\n${'x'.repeat(1_048_576)}\r\n`;
    const head = `POST /api/v1/artifacts?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await world.token('admin')}\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(
      await rawRequest(world.api.running.operatorPort, [head, ...Array.from({ length: 6 }, () => chunk)]),
    ).toMatch(/^HTTP\/1\.1 413 /);
    expect(await leftovers()).toEqual([]);
  });

  it('leave nothing behind when the sender breaks off', async () => {
    const abort = new AbortController();
    const endless = Readable.from(
      (async function* () {
        for (;;) {
          yield Buffer.alloc(1_000);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    );
    const broken = request(`${world.api.operatorUrl}/api/v1/artifacts?name=a`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await world.token('admin')}`,
        'content-type': 'application/octet-stream',
      },
      body: endless,
      signal: abort.signal,
    }).catch(() => 'broken off');
    await eventually(async () => expect(await leftovers()).toHaveLength(1));
    abort.abort();
    expect(await broken).toBe('broken off');
    await eventually(async () => expect(await leftovers()).toEqual([]));
    expect((await world.operator('/api/v1/whoami')).status).toBe(200);
  });

  it('may be empty', async () => {
    const kept = await upload(Buffer.alloc(0));
    expect(kept.body).toMatchObject({ size_bytes: 0 });
    const said = await download(String(kept.body['sha256']));
    expect([said.status, said.text, said.headers['content-length']]).toEqual([200, '', '0']);
    expect((await download(String(kept.body['sha256']), { range: 'bytes=0-' })).status).toBe(416);
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['lines=0-1', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
    ['bytes=x', 200, '0123456789', undefined],
  ])('answer the range %s with %i', async (range, status, text, contentRange) => {
    const { body } = await upload(Buffer.from('0123456789'));
    const said = await download(String(body['sha256']), { range });
    expect([said.status, said.text, said.headers['content-range']]).toEqual([status, text, contentRange]);
    expect(said.headers['content-length']).toBe(String(text.length));
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0'])(
    'answer 416 to the range %s, with the size',
    async (range) => {
      const { body } = await upload(Buffer.from('0123456789'));
      const said = await download(String(body['sha256']), { range });
      expect([said.status, said.headers['content-range']]).toEqual([416, 'bytes */10']);
    },
  );

  it('answer HEAD with the length and no body', async () => {
    const { body } = await upload(Buffer.from('0123456789'));
    const said = await download(String(body['sha256']), {}, 'HEAD');
    expect([said.status, said.text, said.headers['content-length']]).toEqual([200, '', '10']);
  });

  it('are answered with 404 when the file is gone', async () => {
    const content = Buffer.from('soon gone');
    const hash = sha256(content);
    await upload(content);
    await rm(join(world.api.dataDir, 'artifacts', hash.slice(0, 2), hash));
    expect((await download(hash)).status).toBe(404);
  });

  it('travel as streams: the first bytes of a slow upload are on disk before the last are sent', async () => {
    let onDisk: string[] = [];
    const slowly = Readable.from(
      (async function* () {
        yield Buffer.alloc(200_000);
        await eventually(async () => {
          onDisk = await leftovers();
          expect(onDisk).toHaveLength(1);
        });
        yield Buffer.alloc(10);
      })(),
    );
    const { statusCode, body } = await request(`${world.api.operatorUrl}/api/v1/artifacts?name=a`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await world.token('admin')}`,
        'content-type': 'application/octet-stream',
      },
      body: slowly,
    });
    expect([statusCode, await body.json()]).toMatchObject([201, { size_bytes: 200_010 }]);
    expect(onDisk).toHaveLength(1);
  });
});
