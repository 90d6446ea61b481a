import { createHash } from 'node:crypto';
import { type TestBucket, testBucket } from '../../harness/bucket.ts';
import { World } from '../support/world.ts';

let bucket: TestBucket;
let world: World;

beforeAll(async () => {
  bucket = await testBucket();
  world = await World.start({ overrides: bucket.settings });
});
afterAll(async () => {
  await world?.dispose();
  await bucket?.dispose();
});

it('agents download what operators uploaded, whole and resumed, from a bucket as from a folder', async () => {
  const content = Buffer.from('0123456789'.repeat(1_000));
  const sha256 = createHash('sha256').update(content).digest('hex');
  const kept = await world.operator(`/api/v1/artifacts?name=a&sha256=${sha256}`, {
    body: content,
    headers: { 'content-type': 'application/octet-stream' },
  });
  expect(kept.status).toBe(201);
  const agent = await world.enrol();
  const download = (headers: Record<string, string> = {}) =>
    world.agentSays(`/api/v1/artifacts/${sha256}`, { agent, headers });
  const whole = await download();
  expect([whole.status, whole.text]).toEqual([200, content.toString()]);
  const rest = await download({ range: 'bytes=9990-' });
  expect([rest.status, rest.text, rest.headers['content-range']]).toEqual([
    206,
    '0123456789',
    'bytes 9990-9999/10000',
  ]);
  expect((await download({ range: 'bytes=10000-' })).status).toBe(416);
  const head = await world.agentSays(`/api/v1/artifacts/${sha256}`, { agent, method: 'HEAD' });
  expect(head.headers['content-length']).toBe('10000');
});
