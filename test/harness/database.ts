import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type Config, parseConfig } from '../../contracts/config.ts';
import { type Database, openDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { createStores, type Stores } from '../../db/stores/index.ts';
import { testPostgres } from './engines.ts';

/** A database of a test file's own, cloned from a migrated template. */
export interface TestDatabase extends Database {
  readonly url: string;
  readonly config: Config;
  readonly stores: Stores;
  /** Moves the time that statements see, from now on and for all connections, in seconds from the real time. */
  setClock(offsetSeconds: number): Promise<void>;
  /** Closes and drops it; fails when a connection was leaked. */
  dispose(): Promise<void>;
}

/** `now()` of this schema comes before Postgres' own on the search path, so that tests can move the clock. */
const TEST_CLOCK = `
  CREATE SCHEMA test_clock;
  CREATE TABLE test_clock.shift (seconds double precision NOT NULL);
  INSERT INTO test_clock.shift VALUES (0);
  CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.now() + make_interval(secs => seconds) FROM test_clock.shift';
`;

/** Settings for tests: fast, with the environment of the machine kept out. */
export function testConfig(databaseUrl: string, overrides: Record<string, string> = {}): Config {
  return parseConfig({
    DATABASE_URL: databaseUrl,
    EUCORA_DATA_DIR: '/nonexistent',
    EUCORA_DATABASE_POOL: '8',
    EUCORA_LOG_LEVEL: 'silent',
    EUCORA_OPERATOR_PORT: '0',
    EUCORA_AGENT_PORT: '0',
    ...overrides,
  });
}

export async function createTestDatabase(overrides: Record<string, string> = {}): Promise<TestDatabase> {
  const template = await ensureTemplate();
  const name = `test_${process.pid}_${randomBytes(5).toString('hex')}`;
  await asAdmin((admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  await asAdmin((admin) =>
    admin.query(`ALTER DATABASE ${name} SET search_path = test_clock, pg_catalog, public`),
  );
  const url = databaseUrl(name);
  const config = testConfig(url, overrides);
  const database = openDatabase({
    url,
    poolSize: config.EUCORA_DATABASE_POOL,
    applicationName: 'eucora-test',
  });
  return {
    ...database,
    url,
    config,
    stores: createStores(database, config),
    setClock: async (offsetSeconds) => {
      await database.pool.query('UPDATE test_clock.shift SET seconds = $1', [offsetSeconds]);
    },
    dispose: async () => {
      await database.close();
      await asAdmin(async (admin) => {
        const open = await settledConnections(admin, name);
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
        if (open > 0) throw new Error(`${open} connections to the test database were leaked`);
      });
    },
  };
}

/** A closed connection may take a moment to leave Postgres; only one that was leaked stays for half a minute. */
async function settledConnections(admin: pg.Client, name: string): Promise<number> {
  for (let attempt = 0; ; attempt += 1) {
    const { rows } = await admin.query<{ open: number }>(
      `SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = $1 AND application_name = 'eucora-test'`,
      [name],
    );
    const open = rows[0]?.open ?? 0;
    if (open === 0 || attempt === 600) return open;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function databaseUrl(name: string): string {
  const url = new URL(testPostgres());
  url.pathname = `/${name}`;
  return url.toString();
}

async function asAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: testPostgres() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** One template a state of the migrations and a day, whose partitions it has, made by whichever test file comes first. */
async function ensureTemplate(): Promise<string> {
  const folder = join(__dirname, '../../db/migrations');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const name = `template_${hash.digest('hex').slice(0, 16)}_${today}`;
  return asAdmin(async (admin) => {
    await admin.query('SELECT pg_advisory_lock(771177)');
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await makeTemplate(admin, name);
    return name;
  });
}

async function makeTemplate(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${name}_new`);
  await admin.query(`CREATE DATABASE ${name}_new`);
  const url = databaseUrl(`${name}_new`);
  const database = openDatabase({ url, poolSize: 2, applicationName: 'eucora-template' });
  try {
    await migrate(database.pool);
    await createStores(database, testConfig(url)).maintenance.ensurePartitions();
    await database.pool.query(TEST_CLOCK);
  } finally {
    await database.close();
  }
  await admin.query(`ALTER DATABASE ${name}_new RENAME TO ${name}`);
}
