import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { PoolClient } from 'pg';
import type { Config } from '../../contracts/config.ts';
import { ADVISORY_LOCKS } from '../../db/advisory-locks.ts';
import { type Database, openDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { createStores, type Stores } from '../../db/stores/index.ts';
import { newToken } from '../../db/stores/tokens.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import type { Logger } from '../../runtime/logger.ts';
import { untilReachable } from '../../runtime/temporal.ts';
import { ensureEvidenceKey } from './evidence-key.ts';
import { keptFile } from './kept-file.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

export interface SetupReport {
  readonly migrations: readonly string[];
  readonly ca_created: boolean;
  readonly admin_token_created: boolean;
  readonly evidence_key_created: boolean;
  readonly search_attributes_added: readonly string[];
}

export interface SetupOptions {
  readonly config: Config;
  readonly client: Client;
  readonly namespace: string;
  readonly logger: Logger;
}

/** 16 bytes of name, 32 of keys, as TLS session tickets take them. */
const TICKET_KEY_BYTES = 48;

/** Makes ready what API and workers need: schema, partitions, CA, first admin token, search attributes. Safe to repeat. */
export async function setUp({ config, client, namespace, logger }: SetupOptions): Promise<SetupReport> {
  const database = openDatabase({ url: config.DATABASE_URL, poolSize: 4, applicationName: 'eucora-setup' });
  try {
    const migrations = await untilReachable(
      'Postgres',
      logger,
      () => migrate(database.pool),
      AbortSignal.timeout(60_000),
    );
    const turn = await untilReachable(
      'Postgres, or the end of another setup,',
      logger,
      () => takeTurn(database),
      AbortSignal.timeout(60_000),
    );
    try {
      const stores = createStores(database, config);
      await stores.maintenance.ensurePartitions();
      const ca_created = await CertificateAuthority.ensure(config.EUCORA_DATA_DIR);
      await ensureTicketKeys(config);
      const evidence_key_created = await ensureEvidenceKey(config);
      const admin_token_created = await ensureAdminToken(stores, config.EUCORA_DATA_DIR);
      const search_attributes_added = await untilReachable(
        'Temporal',
        logger,
        () => ensureSearchAttributes(client, namespace),
        AbortSignal.timeout(60_000),
      );
      return { migrations, ca_created, admin_token_created, evidence_key_created, search_attributes_added };
    } finally {
      // The lock goes with its connection.
      turn.release(true);
    }
  } finally {
    await database.close();
  }
}

/**
 * Setups of one database take turns: one may be left over from a supervisor that was killed, and certificate and key
 * of the CA must be of one making.
 */
async function takeTurn(database: Database): Promise<PoolClient> {
  const client = await database.pool.connect();
  // A connection that breaks later shows in the next statement.
  client.on('error', () => undefined);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.setup]);
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** The first token lies in the data directory; it is stored again after the database was emptied. */
async function ensureAdminToken(stores: Stores, dataDir: string): Promise<boolean> {
  const path = join(dataDir, 'admin-token');
  const { content, created } = await keptFile(path, () => `${newToken('op')}\n`);
  const token = content.toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Error(
      `${path} ${token === '' ? 'is empty' : 'does not hold one token and nothing else'}. ` +
        'Delete it, and the next setup makes a new admin token; or restore it from a backup.',
    );
  }
  await stores.operatorTokens.ensureFirst(token, 'first-admin');
  return created;
}

async function ensureTicketKeys(config: Config): Promise<void> {
  const path = ticketKeysPath(config);
  const { content } = await keptFile(path, () => randomBytes(TICKET_KEY_BYTES));
  if (content.length === TICKET_KEY_BYTES) return;
  throw new Error(
    `${path} holds ${content.length} bytes instead of ${TICKET_KEY_BYTES}. Delete it, and the next setup makes new keys.`,
  );
}

function ticketKeysPath(config: Config): string {
  return config.EUCORA_TLS_TICKET_KEYS_FILE ?? join(config.EUCORA_DATA_DIR, 'tls-ticket-keys');
}
