import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { PackagingPlane } from './support/plane.ts';
import { parsedRequest } from './support/samples.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let plane: PackagingPlane;

beforeAll(async () => {
  [server, database] = await Promise.all([devServer(), createTestDatabase()]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
});
beforeEach(async () => {
  plane = await PackagingPlane.start(env, database);
});
afterEach(() => plane?.stop());
afterAll(async () => {
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});

describe('A source from a URL', () => {
  let files: Server;
  let url: string;
  const answers = new Map<string, { status: number; body?: string; location?: string }>();
  beforeAll(async () => {
    files = createServer((request, response) => {
      const answer = answers.get(request.url ?? '') ?? { status: 404 };
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => files.close(resolve)));

  const HASH = 'c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2';
  const of = async (path: string) => {
    const { pipelines } = database.stores;
    const request = parsedRequest('', { source: { url: url + path, sha256: HASH } });
    const created = await pipelines.create(request, {
      actor: { type: 'operator', id: 'tester' },
      correlationId: 'test',
    });
    if (created.kind !== 'created') throw new Error(created.kind);
    await plane.relay.relayOnce();
    return plane.ended(created.pipeline.id);
  };

  it('is followed, checked against its hash and kept', async () => {
    answers.set('/foobar', { status: 302, location: '/there?secret=1' });
    answers.set('/there?secret=1', { status: 200, body: 'foobar' });
    const pipeline = await of('/foobar');
    expect(pipeline.status).toBe('PASSED');
    expect(await plane.content.size(HASH)).toBe(6);
    expect(await plane.log(pipeline.id)).not.toContain('secret=1');
  });

  it.each([
    ['with another hash', { status: 200, body: 'other' }, 'source-changed'],
    ['that is not there', { status: 404 }, 'source-refused'],
    ['that leads to another protocol', { status: 302, location: 'file:///etc/passwd' }, 'source-refused'],
    ['that leads to what is no URL', { status: 302, location: 'http://[' }, 'source-refused'],
    ['that leads round and round', { status: 302, location: '/odd' }, 'source-refused'],
  ])('%s is refused at once', async (_what, answer, code) => {
    await plane.content.remove(HASH);
    answers.set('/odd', answer);
    expect(await of('/odd')).toMatchObject({ failure_step: 'fetch', failure_code: code });
  });

  it.each(['http://127.0.0.2:1/', 'http://169.254.169.254/latest/meta-data/', 'http://[::1]:1/'])(
    'that leads inside, to %s, is refused and says what to do',
    async (location) => {
      await plane.content.remove(HASH);
      answers.set('/odd', { status: 302, location });
      expect(await of('/odd')).toMatchObject({
        failure_step: 'fetch',
        failure_code: 'source-refused',
        failure_message: expect.stringMatching(/not at a public address.*EUCORA_SOURCE_ALLOWED_HOSTS/),
      });
    },
  );
});
