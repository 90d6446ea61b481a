import { startIntakeBeat } from '../../../api/intake-beat.ts';
import { startApi } from '../../../api/server.ts';
import { openDatabase } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { createStores } from '../../../db/stores/index.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { openClient } from '../../../runtime/temporal.ts';
import { call } from '../../harness/agent-client.ts';
import { testConfig } from '../../harness/database.ts';
import { devServer, scratchPostgres } from '../../harness/engines.ts';
import { eventually } from '../../harness/eventually.ts';
import { World } from '../support/world.ts';

describe('Readiness tells the truth', () => {
  it('says that Temporal is away to operators, and that agents are heard all the same', async () => {
    const world = await World.start();
    try {
      // Who does not answer within 2 s counts as down, and is asked again.
      await eventually(async () => {
        expect(await world.operator('/health/ready')).toMatchObject({
          status: 503,
          body: { ready: false, checks: { postgres: 'up', temporal: 'down' } },
        });
        expect(await world.agentSays('/health/ready')).toMatchObject({
          status: 200,
          body: { ready: true, checks: { postgres: 'up' } },
        });
      });
      const agent = await world.enrol();
      expect((await agent.heartbeat()).status).toBe(200);
    } finally {
      await world.dispose();
    }
  });

  it('says that all is well when it is', async () => {
    const temporal = await devServer();
    const world = await World.start({ temporalAddress: temporal.address });
    try {
      await eventually(async () => {
        expect(await world.operator('/health/ready')).toMatchObject({
          status: 200,
          body: { ready: true, checks: { postgres: 'up', temporal: 'up' } },
        });
      });
    } finally {
      await world.dispose();
      await temporal.dispose();
    }
  });

  it('answers 503 everywhere but /health/live while Postgres is away', async () => {
    const world = await World.start();
    const lines: string[] = [];
    const postgres = await scratchPostgres();
    const database = openDatabase({ url: postgres.url, poolSize: 2, applicationName: 'test' });
    await migrate(database.pool);
    const config = testConfig(postgres.url, { EUCORA_DATA_DIR: world.api.dataDir });
    const stores = createStores(database, config);
    await stores.maintenance.ensurePartitions();
    const actor = { type: 'system', id: 'test' } as const;
    const { token } = await stores.operatorTokens.create(
      { name: 't', scopes: ['admin'], expires_in_seconds: 600 },
      actor,
      't',
    );
    const temporal = openClient({ connection: { address: '127.0.0.1:1' }, namespace: 'default' });
    const logger = createLogger('test', 'debug', { write: (line) => lines.push(line) });
    const api = await startApi(config, temporal, logger);
    const url = `http://127.0.0.1:${api.operatorPort}`;
    const headers = { authorization: `Bearer ${token}` };
    try {
      expect((await call(`${url}/api/v1/agents`, { headers })).status).toBe(200);
      await database.close();
      await postgres.stop();
      const said = await call(`${url}/api/v1/agents`, { headers });
      expect(said).toMatchObject({
        status: 503,
        body: { code: 'unavailable' },
        headers: { 'retry-after': '5' },
      });
      const ready = await call(`https://localhost:${api.agentPort}/health/ready`, {
        dispatcher: world.anonymous,
      });
      expect(ready).toMatchObject({ status: 503, body: { checks: { postgres: 'down' } } });
      expect((await call(`${url}/health/live`)).status).toBe(200);
      expect((await call(`${url}/health/ready`)).status).toBe(503);
      expect(lines.join('')).not.toContain(token);
    } finally {
      await api.stop();
      await temporal.connection.close();
      await postgres.dispose();
      await world.dispose();
    }
  });

  it('does not start without its certification authority or with wrong ticket keys', async () => {
    const temporal = openClient({ connection: { address: '127.0.0.1:1' }, namespace: 'default' });
    const world = await World.start();
    const start = (overrides: Record<string, string>) =>
      startApi(testConfig(world.api.database.url, overrides), temporal, createLogger('test', 'silent'));
    try {
      await expect(start({})).rejects.toThrow(/no certification authority/);
      const wrong = {
        EUCORA_DATA_DIR: world.api.dataDir,
        EUCORA_TLS_TICKET_KEYS_FILE: `${world.api.dataDir}/ca/ca.pem`,
      };
      await expect(start(wrong)).rejects.toThrow(/exactly 48 bytes/);
      const taken = {
        EUCORA_DATA_DIR: world.api.dataDir,
        EUCORA_OPERATOR_PORT: String(world.api.running.operatorPort),
      };
      await expect(start(taken)).rejects.toThrow(/EADDRINUSE/);
    } finally {
      await temporal.connection.close();
      await world.dispose();
    }
  });
});

describe('The beat that says that agents can be heard', () => {
  it('tells of silence that is over and of a database that cannot be told', async () => {
    const lines: string[] = [];
    const logger = createLogger('test', 'debug', { write: (line) => lines.push(line) });
    const answers = [
      () => Promise.resolve(0),
      () => Promise.resolve(12_000.4),
      () => Promise.reject(new Error('away')),
    ];
    let beats = 0;
    const stop = startIntakeBeat(
      { beatIntake: () => answers[beats++ % answers.length]?.() ?? Promise.resolve(0) },
      logger,
      10,
    );
    while (beats < 4) await new Promise((resolve) => setTimeout(resolve, 10));
    stop();
    expect(lines.join('')).toMatch(/"silent_ms":12000/);
    expect(lines.join('')).toMatch(/cannot be told/);
  });
});
