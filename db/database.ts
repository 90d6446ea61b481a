import { createHash } from 'node:crypto';
import pg from 'pg';
import { Sequelize } from 'sequelize';
import { defineModels, type Models } from './models/index.ts';

/** Connections to one Postgres: `pool` for statements of our own, `models` for plain reads and writes. */
export interface Database {
  readonly pool: pg.Pool;
  readonly models: Models;
  readonly sequelize: Sequelize;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of the process, both pools together. */
  readonly poolSize: number;
  readonly applicationName: string;
  readonly onError?: (error: Error) => void;
}

/** Longest that a statement may take before Postgres ends it, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** When the answer itself stays away, because Postgres' host has vanished. */
const QUERY_TIMEOUT_MS = 35_000;
const CONNECT_TIMEOUT_MS = 5_000;

// Counts and sizes come as bigint; ours stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** Opens (lazily) both pools; nothing is connected before the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const modelConnections = Math.max(1, Math.floor(options.poolSize / 3));
  const pool = new pg.Pool({
    connectionString: options.url,
    max: Math.max(1, options.poolSize - modelConnections),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: options.applicationName,
    keepAlive: true,
  });
  // An idle connection that breaks must not end the process; the next statement gets a new one.
  pool.on('error', (error) => options.onError?.(error));
  const sequelize = new Sequelize(options.url, {
    dialect: 'postgres',
    dialectModule: pg,
    logging: false,
    pool: { max: modelConnections, min: 0, idle: 30_000, acquire: CONNECT_TIMEOUT_MS },
    dialectOptions: {
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: options.applicationName,
    },
    retry: { max: 1 },
  });
  return {
    pool,
    sequelize,
    models: defineModels(sequelize),
    close: async () => {
      await Promise.all([pool.end(), sequelize.close()]);
    },
  };
}

/** Attempts at a transaction that others keep getting in the way of. */
const MAX_ATTEMPTS = 4;

/**
 * Runs `work` in one transaction; rolls back when it throws. A transaction that lost a deadlock is run again from
 * its beginning: `work` must do nothing but speak to the database.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return retrying(() => runTransaction(pool, work));
}

const names = new Map<string, string>();

/**
 * A statement that each connection parses and plans once. For texts of which there are few: a connection keeps them all. They
 * name the columns that they answer, for Postgres refuses a `*` that has grown since.
 */
export function prepared(text: string, values: readonly unknown[]): pg.QueryConfig {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
  }
  return { name, text, values: [...values] };
}

/** One statement that commits by itself, run again when it lost a deadlock; within a transaction, run once. */
export function statement<Row extends pg.QueryResultRow>(
  queryable: pg.Pool | pg.PoolClient,
  config: pg.QueryConfig,
): Promise<pg.QueryResult<Row>> {
  const run = () => queryable.query<Row>(config);
  return queryable instanceof pg.Pool ? retrying(run) : run();
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === MAX_ATTEMPTS || !isRetryable(error)) throw error;
    }
  }
}

async function runTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Whether an error says that Postgres cannot be reached or is not ready, so that trying again may help. */
export function isUnavailable(error: unknown): boolean {
  const seen = error as {
    code?: string;
    name?: string;
    message?: string;
    original?: unknown;
    cause?: unknown;
  };
  if (seen?.original !== undefined && seen.original !== error) return isUnavailable(seen.original);
  const code = seen?.code ?? '';
  return (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT|EAI_AGAIN)$/.test(code) ||
    // 57014: took too long; 25006: read-only, as a standby is; 40…: lost a deadlock again and again.
    /^(08|53|57P|57014|25006|40001|40P01)/.test(code) ||
    seen?.name === 'SequelizeConnectionAcquireTimeoutError' ||
    /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      seen?.message ?? '',
    )
  );
}

/** Serialisation failures and deadlocks: the same statement may simply be run again. */
export function isRetryable(error: unknown): boolean {
  return /^(40001|40P01)$/.test((error as { code?: string }).code ?? '');
}
