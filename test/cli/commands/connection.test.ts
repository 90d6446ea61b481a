import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify } from '../../../cli/engines/processes.ts';
import { FakePlatform, TOKEN } from './support/platform.ts';
import { anIdentity } from './support/samples.ts';
import { eucora, type SessionOptions } from './support/session.ts';

let platform: FakePlatform;
let folder: string;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(async () => {
  platform.reset();
  platform.on('GET /whoami', { json: anIdentity });
  folder = await mkdtemp(join(tmpdir(), 'eucora-cli-'));
});
afterEach(() => rm(folder, { recursive: true }));
afterAll(() => platform.stop());

const whoami = (rest = '', options: SessionOptions = {}) =>
  eucora(undefined, `whoami --data-dir ${folder}${rest}`, options);

async function writeEndpoints(operatorApi: string, token = `${TOKEN}\n`): Promise<void> {
  const admin_token_file = join(folder, 'admin-token');
  await writeFile(admin_token_file, token);
  await writeFile(
    join(folder, 'endpoints.json'),
    JSON.stringify({ operator_api: operatorApi, admin_token_file }),
  );
  await writeLock(await identify(process.pid));
}

async function writeLock(holder: unknown): Promise<void> {
  await mkdir(join(folder, 'run'), { recursive: true });
  await writeFile(join(folder, 'run', 'platform.lock'), JSON.stringify(holder));
}

it('finds platform and token by the data folder', async () => {
  await writeEndpoints(platform.url);
  expect((await whoami()).code).toBe(0);
  const byVariable = await eucora(undefined, 'whoami', { env: { EUCORA_DATA_DIR: folder } });
  expect(byVariable.code).toBe(0);
});

it('takes platform and token from variables, or a file, or standard input', async () => {
  const api = platform.url;
  expect((await whoami('', { env: { EUCORA_API: `${api}/api/v1/`, EUCORA_TOKEN: TOKEN } })).code).toBe(0);
  const file = join(folder, 'token');
  await writeFile(file, TOKEN);
  expect((await whoami(` --api ${api} --token-file ${file}`)).code).toBe(0);
  expect((await whoami(` --api ${api} --token-file -`, { stdin: [TOKEN, '\n'] })).code).toBe(0);
  const fileFirst = await whoami(` --api ${api} --token-file ${file}`, { env: { EUCORA_TOKEN: 'wrong' } });
  expect(fileFirst.code).toBe(0);
});

it('gives the local admin token to the local platform only', async () => {
  await writeEndpoints(platform.url);
  const asLocalhost = platform.url.replace('127.0.0.1', 'localhost');
  expect((await whoami(` --api ${asLocalhost}`)).code).toBe(0);
  platform.reset();
  await writeEndpoints('http://127.0.0.1:1');
  const other = await whoami(` --api ${platform.url}`);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain(`There is no token for ${platform.url}`);
  expect(platform.seen).toEqual([]);
});

it('believes no endpoints that a killed platform left: whoever listens there now gets no token', async () => {
  await writeEndpoints(platform.url);
  const stale = [
    () => writeLock({ pid: process.pid, startedAt: 'before' }),
    () => writeLock({ pid: 999_999_999, startedAt: 'x' }),
    () => rm(join(folder, 'run'), { recursive: true }),
  ];
  for (const leave of stale) {
    await leave();
    for (const rest of ['', ` --api ${platform.url}`]) {
      const { code, stderr } = await whoami(rest);
      expect(code).toBe(2);
      expect(stderr).toContain(`No platform runs on ${folder}`);
      expect(stderr).toContain('eucora platform start');
    }
    const withToken = await whoami('', { env: { EUCORA_TOKEN: TOKEN } });
    expect(withToken.code).toBe(2);
  }
  await mkdir(join(folder, 'run', 'platform.lock'), { recursive: true });
  expect((await whoami()).stderr).toContain('platform.lock cannot be read');
  expect(platform.seen).toEqual([]);
});

it('warns when the token would cross a network in the clear', async () => {
  const { stderr } = await whoami(' --api http://eucora.invalid', { env: { EUCORA_TOKEN: TOKEN } });
  expect(stderr).toContain('warning: the token goes unencrypted to http://eucora.invalid/api/v1');
});

it('hands the correlation id on, and makes one otherwise', async () => {
  const env = { EUCORA_API: platform.url, EUCORA_TOKEN: TOKEN };
  await whoami(' --correlation-id change-42', { env });
  await whoami('', { env });
  const ids = platform.seen.map(({ headers }) => headers['x-correlation-id']);
  expect(ids).toEqual(['change-42', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  expect((await whoami(' --correlation-id ä', { env })).code).toBe(2);
});

describe('tells what is missing', () => {
  it('no endpoints.json', async () => {
    const { code, stderr } = await whoami();
    expect(code).toBe(2);
    expect(stderr).toContain(`${join(folder, 'endpoints.json')} does not exist`);
    expect(stderr).toContain('eucora platform start');
  });

  it('no folder at all, by default', async () => {
    const { code } = await eucora(undefined, 'whoami', {
      env: { XDG_DATA_HOME: folder, EUCORA_DATA_DIR: join(folder, 'none') },
    });
    expect(code).toBe(2);
  });

  it.each(['{', '{"operator_api": 5}', '{"operator_api": "ftp://x"}'])(
    'endpoints.json is %s',
    async (content) => {
      await writeFile(join(folder, 'endpoints.json'), content);
      const { code, stderr } = await whoami();
      expect(code).toBe(2);
      expect(stderr).toContain('is not an endpoints file');
    },
  );

  it('endpoints.json cannot be read', async () => {
    await mkdir(join(folder, 'endpoints.json'));
    expect((await whoami()).stderr).toContain('cannot be read');
  });

  it.each([
    ['', 'holds no token'],
    ['two words', 'does not hold one token and nothing else'],
  ])('a token file with %j', async (token, told) => {
    await writeEndpoints(platform.url, token);
    const { code, stderr } = await whoami();
    expect(code).toBe(2);
    expect(stderr).toContain(told);
    expect(stderr).not.toContain('two words');
  });

  it('no token file', async () => {
    const { code, stderr } = await whoami(` --api ${platform.url} --token-file ${join(folder, 'none')}`);
    expect(code).toBe(2);
    expect(stderr).toContain('No token could be read from');
  });

  it.each(['nonsense', 'ftp://host', 'http://user:secret@host'])('the address %s', async (api) => {
    const { code, stderr } = await whoami(` --api ${api}`);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/^eucora: http:\/\/user/);
  });
});
