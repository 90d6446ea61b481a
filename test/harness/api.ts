import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningApi, startApi } from '../../api/server.ts';
import type { Scope } from '../../contracts/access/access.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { writePrivateFile } from '../../runtime/files.ts';
import { createLogger } from '../../runtime/logger.ts';
import { openClient } from '../../runtime/temporal.ts';
import { createTestDatabase, type TestDatabase, testConfig } from './database.ts';

export interface TestApi {
  readonly database: TestDatabase;
  readonly dataDir: string;
  readonly operatorUrl: string;
  readonly agentUrl: string;
  readonly proxyUrl: string | undefined;
  readonly caPem: string;
  readonly authority: CertificateAuthority;
  readonly running: RunningApi;
  /** Bearer token with these scopes. */
  token(...scopes: Scope[]): Promise<string>;
  dispose(): Promise<void>;
}

export interface TestApiOptions {
  readonly overrides?: Record<string, string>;
  /** Defaults to an address at which nothing listens: the API needs Temporal for its readiness only. */
  readonly temporalAddress?: string;
  /** Log lines are written here instead of nowhere. */
  readonly logTo?: { write(line: string): void };
}

/** The real API in this process: real listeners, real TLS, a database of its own. */
export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const dataDir = await mkdtemp(join(tmpdir(), 'eucora-api-'));
  await CertificateAuthority.ensure(dataDir);
  await writePrivateFile(join(dataDir, 'tls-ticket-keys'), Buffer.alloc(48, 7));
  const overrides = { EUCORA_DATA_DIR: dataDir, ...options.overrides };
  const database = await createTestDatabase(overrides);
  const config = testConfig(database.url, overrides);
  const { client, connection } = openClient({
    connection: { address: options.temporalAddress ?? '127.0.0.1:1' },
    namespace: 'default',
  });
  const logger = createLogger('test', options.logTo === undefined ? 'silent' : 'debug', options.logTo);
  const running = await startApi(config, { client, connection }, logger);
  const authority = await CertificateAuthority.open(dataDir);
  return {
    database,
    dataDir,
    running,
    authority,
    operatorUrl: `http://127.0.0.1:${running.operatorPort}`,
    agentUrl: `https://localhost:${running.agentPort}`,
    proxyUrl: running.proxyPort === undefined ? undefined : `http://127.0.0.1:${running.proxyPort}`,
    caPem: authority.certificatePem,
    token: async (...scopes) => {
      const made = await database.stores.operatorTokens.create(
        { name: `test-${scopes.join('-')}`, scopes, expires_in_seconds: 3_600 },
        { type: 'system', id: 'test' },
        'test',
      );
      return made.token;
    },
    dispose: async () => {
      await running.stop();
      await connection.close();
      await database.dispose();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
