import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';
import { createStores } from '../../db/stores/index.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { createLogger } from '../../runtime/logger.ts';
import { keptFile } from '../../workers/setup/kept-file.ts';
import { setUp } from '../../workers/setup/setup.ts';
import { type EmptyDatabase, emptyDatabase } from '../db/support/empty.ts';
import { testConfig } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';

/** One file each. */
const MIGRATIONS = readdirSync(join(__dirname, '../../db/migrations'))
  .map((file) => file.replace(/\.ts$/, ''))
  .sort();

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: EmptyDatabase;
let folder: string;

beforeAll(async () => {
  server = await devServer();
  env = await server.environment();
});
afterAll(async () => {
  await env?.teardown();
  await server?.dispose();
});
beforeEach(async () => {
  database = await emptyDatabase();
  folder = await mkdtemp(join(tmpdir(), 'eucora-setup-'));
});
afterEach(async () => {
  await database?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const prepare = () =>
  setUp({
    config: testConfig(database.url, { EUCORA_DATA_DIR: folder }),
    client: env.client,
    namespace: 'default',
    logger: createLogger('test', 'silent'),
  });

it('setup makes all that is missing, and said again makes nothing', async () => {
  const names = Object.values(SEARCH_ATTRIBUTES).sort();
  const first = await prepare();
  expect({ ...first, search_attributes_added: [...first.search_attributes_added].sort() }).toEqual({
    migrations: MIGRATIONS,
    ca_created: true,
    admin_token_created: true,
    evidence_key_created: true,
    search_attributes_added: names,
  });
  const { customAttributes } = await env.connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(names));
  expect(await prepare()).toEqual({
    migrations: [],
    ca_created: false,
    admin_token_created: false,
    evidence_key_created: false,
    search_attributes_added: [],
  });
});

it('the first admin token works, is private, and works again after the database was emptied', async () => {
  await prepare();
  const path = join(folder, 'admin-token');
  const token = (await readFile(path, 'utf8')).trim();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const { operatorTokens } = createStores(database, testConfig(database.url));
  expect(await operatorTokens.authenticate(token)).toEqual({ name: 'first-admin', scopes: ['admin'] });
  await database.pool.query('DELETE FROM operator_token');
  expect(await operatorTokens.authenticate(token)).toBeUndefined();
  await prepare();
  expect(await operatorTokens.authenticate(token)).toMatchObject({ scopes: ['admin'] });
});

it('ticket keys for TLS sessions are 48 private bytes that stay the same', async () => {
  await prepare();
  const path = join(folder, 'tls-ticket-keys');
  const keys = await readFile(path);
  expect(keys).toHaveLength(48);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await prepare();
  expect(await readFile(path)).toEqual(keys);
});

it.each([
  ['admin-token', '\n', 'admin-token is empty. Delete it, and the next setup makes a new admin token'],
  ['admin-token', 'two words', 'does not hold one token and nothing else'],
  ['tls-ticket-keys', 'short', 'holds 5 bytes instead of 48. Delete it'],
])('a damaged %s (%j) is told, not replaced', async (name, content, told) => {
  await writeFile(join(folder, name), content);
  await expect(prepare()).rejects.toThrow(told);
  expect(await readFile(join(folder, name), 'utf8')).toBe(content);
});

it('a token that cannot be read is not taken for a missing one', async () => {
  await mkdir(join(folder, 'admin-token'));
  await expect(prepare()).rejects.toThrow('EISDIR');
});

it('of setups at once all keep the same file, and nothing else is left', async () => {
  const path = join(folder, 'kept');
  const kept = await Promise.all([...'abcdefgh'].map((content) => keptFile(path, () => content)));
  expect(kept.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(kept.map(({ content }) => content.toString()))).toEqual(
    new Set([await readFile(path, 'utf8')]),
  );
  expect(await readdir(folder)).toEqual(['kept']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('setups that run side by side on an empty database all succeed', async () => {
  const other = await emptyDatabase();
  try {
    const reports = await Promise.all(
      [1, 2, 3].map(() =>
        setUp({
          config: testConfig(other.url, { EUCORA_DATA_DIR: folder }),
          client: env.client,
          namespace: 'default',
          logger: createLogger('test', 'silent'),
        }),
      ),
    );
    expect(reports.flatMap((report) => report.migrations)).toEqual(MIGRATIONS);
    expect(reports.filter((report) => report.ca_created)).toHaveLength(1);
    expect(reports.filter((report) => report.admin_token_created)).toHaveLength(1);
    await CertificateAuthority.open(folder);
  } finally {
    await other.dispose();
  }
});
