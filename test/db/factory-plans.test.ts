import { findPrevious } from '../../db/stores/deployment/package.ts';
import { encodeCursor } from '../../db/stores/keyset.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { plansOf } from './support/plans.ts';
import { Rollouts } from './support/rollout.ts';

const PAGE = { limit: 50 };
/** What a page may read, in blocks of 8 kB: a few hundred, whatever the size of the tables. */
const MAX_BLOCKS = 600;
const TABLES =
  /^(packaging_pipeline|packaging_pipeline_step|evidence_pack|policy_exception|deployment_\w+|cab_decision)$/;

let database: TestDatabase;
let pipeline: string;
let deployment: string;

/** Columns of a table whose rows are to be copied, with some of them replaced. */
async function copies(
  table: string,
  id: string,
  count: number,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const { rows } = await database.pool.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  const names = rows.map(({ name }) => name);
  const values = names.map((name) => changes[name] ?? `s.${name}`);
  await database.pool.query(
    `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${table} s, generate_series(1, ${count}) n WHERE s.id = '${id}'`,
  );
}

// 30,000 of each; what is rare is old, so that no page finds it by walking from the newest.
beforeAll(async () => {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  const rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
  await rollouts.pipeline({ name: 'needle', format: 'msi' });
  const failed = await rollouts.pipeline({ name: 'needle-failed' });
  await database.pool.query(
    `UPDATE packaging_pipeline SET status = 'FAILED', correlation_id = 'needle' WHERE id = $1`,
    [failed],
  );
  pipeline = await rollouts.pipeline();
  await rollouts.online(3);
  deployment = await rollouts.begin({ pipeline_id: pipeline });
  await rollouts.settle(deployment);
  await rollouts.exception(3_600, 'needle');
  const exception = await rollouts.exception(3_600, 'tool');
  const unique = { id: 'uuid7()' };
  await copies('packaging_pipeline', pipeline, 30_000, {
    ...unique,
    source_artifact_hash: `md5(n::text) || md5('s' || n)`,
    output_artifact_hash: `md5(n::text) || md5('o' || n)`,
    correlation_id: `'bulk-' || n`,
  });
  await database.pool.query(
    `INSERT INTO evidence_pack (id, sha256, pipeline_id, signer_thumbprint, created_at)
     SELECT uuid7(), md5(id::text) || md5('e' || id), id, repeat('0', 64), now() FROM packaging_pipeline p
     WHERE NOT EXISTS (SELECT FROM evidence_pack e WHERE e.pipeline_id = p.id)`,
  );
  await copies('policy_exception', exception, 30_000, unique);
  await copies('deployment_intent', deployment, 30_000, {
    ...unique,
    status: `'ABORTED'`,
    correlation_id: `'bulk-' || n`,
    package_name: `'bulk-' || n % 100`,
  });
  await database.pool.query(
    `WITH more AS (
       INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'bulk:' || n, 'bulk-' || n, 'bulk-host-' || n, 'linux', '', '1.0.0', 'OFFLINE', n % 8, now(),
         '{}', '{}', now(), now() FROM generate_series(1, 30000) n RETURNING id)
     INSERT INTO deployment_device (deployment_id, agent_id, ring, state, sort, joined_at, package_name)
     SELECT d.id, more.id, 0, 'INSTALLED', 1, now(), 'tool'
     FROM (SELECT id, row_number() OVER () AS n FROM more) more
     JOIN (SELECT id, row_number() OVER () AS n FROM deployment_intent ORDER BY id LIMIT 30) d ON d.n = more.n % 30 + 1`,
  );
  await database.pool.query(
    `INSERT INTO deployment_ring (deployment_id, position, state) SELECT id, 0, 'STOPPED' FROM deployment_intent i
     WHERE NOT EXISTS (SELECT FROM deployment_ring r WHERE r.deployment_id = i.id)`,
  );
  await database.pool.query('ANALYZE');
}, 180_000);
afterAll(() => database?.dispose());

async function expectIndexed(read: () => Promise<unknown>): Promise<void> {
  const plans = await plansOf(database.pool, read);
  expect(plans.length).toBeGreaterThan(0);
  for (const { sequentialScans, blocks } of plans) {
    expect(sequentialScans.filter((table) => TABLES.test(table))).toEqual([]);
    expect(blocks).toBeLessThan(MAX_BLOCKS);
  }
}
const deep = (list: string) => encodeCursor(list, pipeline.replace(/^./, 'f'));

describe('A page reads few blocks', () => {
  it.each([
    {},
    { status: 'FAILED' },
    { status: 'BUILDING' },
    { platform: 'windows' },
    { package_name: 'needle' },
    { correlation_id: 'needle' },
  ] as const)('of pipelines filtered by %j', async (filter) => {
    await expectIndexed(() => database.stores.pipelines.list({ ...filter, ...PAGE }));
  });

  it('of pipelines deep in the list, and of those that go on', async () => {
    await expectIndexed(() =>
      database.stores.pipelines.list({ cursor: deep('packaging-pipelines'), ...PAGE }),
    );
    await expectIndexed(() => database.stores.pipelines.listOpen(10, 500));
  });

  it('of what a rollback goes back to', async () => {
    const [found] = (await database.stores.pipelines.list({ package_name: 'needle', ...PAGE })).items;
    const row = await database.stores.pipelines.row(found?.id ?? '');
    const client = await database.pool.connect();
    try {
      await expectIndexed(async () => row && findPrevious(client, row));
    } finally {
      client.release();
    }
  });

  it('of evidence, all and of one pipeline', async () => {
    await expectIndexed(() => database.stores.evidence.list(PAGE));
    await expectIndexed(() => database.stores.evidence.list({ pipeline_id: pipeline, ...PAGE }));
  });

  it('of exceptions, all and of one package', async () => {
    await expectIndexed(() => database.stores.policyExceptions.list(PAGE));
    await expectIndexed(() => database.stores.policyExceptions.list({ status: 'APPROVED', ...PAGE }));
    await expectIndexed(() => database.stores.policyExceptions.list({ package_name: 'needle', ...PAGE }));
    await expectIndexed(() => database.stores.policyExceptions.findInForce('needle', '1.0.0'));
  });

  it.each([{}, { status: 'ROLLING_OUT' }, { package_name: 'tool' }, { correlation_id: 'nowhere' }] as const)(
    'of deployments filtered by %j',
    async (filter) => {
      await expectIndexed(() => database.stores.deployments.list({ ...filter, ...PAGE }));
    },
  );

  it('of a deployment’s devices, all and in one state', async () => {
    await expectIndexed(() => database.stores.deployments.devices(deployment, PAGE));
    await expectIndexed(() =>
      database.stores.deployments.devices(deployment, { state: 'DISPATCHED', ...PAGE }),
    );
    await expectIndexed(() => database.stores.deployments.decisions(deployment));
  });
});
