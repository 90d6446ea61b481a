import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate } from '../../db/migrate.ts';
import { type EmptyDatabase, emptyDatabase } from './support/empty.ts';
import { dumpSchema } from './support/schema.ts';

const SCHEMA_FILE = join(__dirname, '../../db/schema.txt');
const HEAD = `# The schema that the migrations make, for readers and for reviews of what a migration changes.
# Written by: UPDATE_SCHEMA=1 npx jest test/db/migrations
# Compared with the migrations by the same test without the variable. Do not edit by hand.

`;

let database: EmptyDatabase;
beforeEach(async () => {
  database = await emptyDatabase();
});
afterEach(() => database?.dispose());

const ALL = [
  '0001-foundation',
  '0002-fleet-counts',
  '0003-packaging-pipeline',
  '0004-deployment',
  '0005-incidents',
  '0006-fleet-samples',
  '0007-deployment-overlap',
  '0008-stopped-remedies',
  '0009-certificates-and-findings',
  '0010-issued-certificates',
  '0011-status-events',
  '0012-exception-four-eyes',
  '0013-task-status-type',
  '0014-task-indexes',
  '0015-agent-terms',
  '0016-agent-indexes',
  '0017-agent-count-key',
  '0018-ids-in-order',
  '0019-touched-devices',
];

it('an empty database gets all migrations, and a second run nothing', async () => {
  expect(await migrate(database.pool)).toEqual(ALL);
  const before = await dumpSchema(database.pool);
  expect(await migrate(database.pool)).toEqual([]);
  expect(await dumpSchema(database.pool)).toBe(before);
});

it('of migrations started in parallel one runs, and all wait until it is done', async () => {
  const ran = await Promise.all([migrate(database.pool), migrate(database.pool), migrate(database.pool)]);
  expect(ran.flat()).toEqual(ALL);
  expect(await migrate(database.pool)).toEqual([]);
});

it('from 0013 on, indexes of tables in use are dropped where nothing else is locked', async () => {
  const folder = join(__dirname, '../../db/migrations');
  const late = (await readdir(folder)).filter((file) => file >= '0013');
  expect(late.length).toBeGreaterThan(3);
  const mixed = [];
  for (const file of late) {
    const [, sql = ''] = (await readFile(join(folder, file), 'utf8')).split('`');
    if (/^DROP INDEX/m.test(sql) && sql.trim().split(';\n').length > 1) mixed.push(file);
  }
  expect(mixed).toEqual([]);
});

it('an installation that is in use migrates while a transaction holds an agent and waits for tasks', async () => {
  await migrate(database.pool);
  // As the version before it: with the indexes, without the terms and the key of the counts.
  await database.pool.query(`
    DROP TABLE agent_term; DROP FUNCTION keep_agent_terms() CASCADE; DROP FUNCTION collect_agent_terms();
    DROP FUNCTION agent_terms(text, jsonb); DROP FUNCTION agent_tag_term(text, jsonb); DROP INDEX agent_task_status_type;
    CREATE INDEX agent_task_status ON agent_task (status, id); CREATE INDEX agent_task_type ON agent_task (task_type, id);
    ALTER TABLE agent_count DROP COLUMN id; ALTER TABLE deployment_device DROP COLUMN touched_before;
    CREATE INDEX agent_hostname ON agent (hostname); CREATE INDEX agent_tags ON agent USING gin (tags);
    DELETE FROM schema_migration WHERE name >= '0013'`);
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT FROM agent FOR SHARE');
    const migrated = migrate(database.pool);
    // The first of them has taken tasks, or waits for us; either way nobody waits in a circle.
    await client.query('LOCK TABLE agent_task IN ROW EXCLUSIVE MODE');
    await client.query('COMMIT');
    expect(await migrated).toEqual(ALL.filter((name) => name >= '0013'));
  } finally {
    client.release();
  }
});

it('a migration that fails leaves nothing behind and can be run again', async () => {
  await database.pool.query('CREATE TABLE artifact (in_the_way integer)');
  await expect(migrate(database.pool)).rejects.toThrow(/artifact/);
  const { rows } = await database.pool.query(
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`,
  );
  expect(rows).toEqual([{ relname: 'artifact' }, { relname: 'schema_migration' }]);
  await database.pool.query('DROP TABLE artifact');
  expect(await migrate(database.pool)).toEqual(ALL);
});

it('the schema is the one that is written down', async () => {
  await migrate(database.pool);
  const schema = HEAD + (await dumpSchema(database.pool));
  if (process.env['UPDATE_SCHEMA'] === '1') await writeFile(SCHEMA_FILE, schema);
  expect(schema).toBe(await readFile(SCHEMA_FILE, 'utf8'));
});

it('every foreign key to a row that can be deleted is indexed', async () => {
  await migrate(database.pool);
  const { rows } = await database.pool.query(
    `SELECT conrelid::regclass AS "table", conname FROM pg_constraint c
     WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
       SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid
         AND (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey)`,
  );
  expect(rows).toEqual([]);
});

it('every table has a primary key, without which replicas could not follow', async () => {
  await migrate(database.pool);
  const { rows } = await database.pool.query(
    `SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)`,
  );
  expect(rows).toEqual([]);
});
