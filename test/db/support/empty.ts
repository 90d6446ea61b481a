import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Database, openDatabase } from '../../../db/database.ts';
import { testPostgres } from '../../harness/engines.ts';

export interface EmptyDatabase extends Database {
  readonly url: string;
  dispose(): Promise<void>;
}

/** A database without any schema, for what makes one. */
export async function emptyDatabase(): Promise<EmptyDatabase> {
  const name = `empty_${process.pid}_${randomBytes(5).toString('hex')}`;
  await asAdmin(`CREATE DATABASE ${name}`);
  const url = new URL(testPostgres());
  url.pathname = `/${name}`;
  const database = openDatabase({ url: url.toString(), poolSize: 9, applicationName: 'eucora-test' });
  return {
    ...database,
    url: url.toString(),
    dispose: async () => {
      await database.close();
      await asAdmin(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: testPostgres() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
