import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { openDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { type ScratchPostgres, scratchPostgres } from '../harness/engines.ts';

const SCRIPT = readFileSync(join(import.meta.dirname, '../../deploy/postgres-init.sh'), 'utf8');
let postgres: ScratchPostgres;

beforeAll(async () => {
  postgres = await scratchPostgres();
  const { pathname } = new URL(postgres.url);
  // The embedded cluster's own superuser and database have the names that the script makes.
  await as(postgres.url, (own) =>
    own.query(`CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'postgres_password'`),
  );
  await as(urlOf('postgres', 'postgres'), async (admin) => {
    await admin.query('ALTER ROLE eucora RENAME TO embedded');
    if (pathname === '/eucora') await admin.query('ALTER DATABASE eucora RENAME TO embedded');
    // The statements alone: psql is not everywhere.
    const sql = /<<'SQL'\n([\s\S]*)\nSQL\n/.exec(SCRIPT)?.[1] ?? '';
    for (const statement of sql.split(';').filter((text) => text.trim() !== ''))
      await admin.query(statement.replace(/:'(\w+)'/g, "'$1'"));
  });
});
afterAll(() => postgres?.dispose());

function urlOf(role: string, database: string): string {
  const url = new URL(postgres.url);
  url.username = role;
  url.password = `${role}_password`;
  url.pathname = `/${database}`;
  return url.href;
}

async function as<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('the platform’s role is no superuser, owns its database and can migrate it', async () => {
  const { rows } = await as(urlOf('eucora', 'eucora'), (client) =>
    client.query(
      'SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user',
    ),
  );
  expect(Object.values(rows[0])).toEqual([false, false, false, false, false]);
  const database = openDatabase({ url: urlOf('eucora', 'eucora'), poolSize: 2, applicationName: 'test' });
  try {
    expect(await migrate(database.pool)).not.toEqual([]);
  } finally {
    await database.close();
  }
});

test('Temporal’s role makes its databases and does not get into the platform’s', async () => {
  await as(urlOf('temporal', 'postgres'), (client) => client.query('CREATE DATABASE temporal'));
  await expect(as(urlOf('temporal', 'eucora'), async () => undefined)).rejects.toThrow('permission denied');
});

test('the script fills in both passwords', () => {
  for (const name of ['eucora', 'temporal']) {
    expect(SCRIPT).toContain(`-v ${name}_password="$${name.toUpperCase()}_DB_PASSWORD"`);
  }
});
