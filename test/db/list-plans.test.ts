import { LOOKED_AT } from '../../db/stores/bounded-page.ts';
import { encodeCursor } from '../../db/stores/keyset.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';
import { plansOf } from './support/plans.ts';

const PAGE = { limit: 50 };

let database: TestDatabase;
let agent: string;
let task: string;

// 30,000 agents, 60,000 tasks and events: what is rare is old, so that no page finds it by walking from the newest.
beforeAll(async () => {
  database = await createTestDatabase();
  const fleet = new Fleet(database);
  agent = await fleet.enrol(
    { site: 'rare' },
    { hostname: 'needle-host', platform: 'macos', agent_version: '0.9' },
  );
  task = await fleet.task(agent, { task_type: 'UPDATE' });
  await database.pool.query(
    `UPDATE agent_task SET correlation_id = 'needle', status = 'TIMEOUT' WHERE id = $1`,
    [task],
  );
  await database.stores.audit.append({
    actor: { type: 'operator', id: 'needle' },
    action: 'needle.action',
    kind: 'security',
    object_type: 'needle',
    object_id: 'needle',
    correlation_id: 'needle',
  });
  const common = await fleet.enrol();
  await database.pool.query(
    `WITH more AS (
       INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'bulk:' || n, 'bulk-' || n, 'bulk-host-' || n, 'linux', '', '1.0.0', 'OFFLINE', n % 8, now(),
         '{"site": "common"}', '{}', now(), now() FROM generate_series(1, 30000) n RETURNING id, presence_shard)
     INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id)
     SELECT id, now(), presence_shard, 'OFFLINE', '1.0.0', id::text FROM more`,
  );
  await database.pool.query(
    `INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id, created_by, created_at)
     SELECT uuid7(), $1, CASE WHEN n % 2 = 0 THEN 'COLLECT' ELSE 'DEPLOY' END, CASE WHEN n % 2 = 0 THEN 'COMPLETED' ELSE 'FAILED' END,
       '{}', 60, 3, 'bulk-' || n, 'bulk', now() FROM generate_series(1, 60000) n`,
    [common],
  );
  await database.pool.query(
    `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, correlation_id)
     SELECT uuid7(), now(), 'system', 'bulk', 'bulk', 'change', 'agent_task', 'bulk-' || n, 'bulk-' || n
     FROM generate_series(1, 60000) n`,
  );
  await database.pool.query('ANALYZE');
}, 120_000);
afterAll(() => database?.dispose());

/** What a page may read, in blocks of 8 kB: a few hundred, whatever the size of the table. */
const MAX_BLOCKS = 600;

async function expectIndexed(read: () => Promise<unknown>, maxBlocks = MAX_BLOCKS): Promise<void> {
  const plans = await plansOf(database.pool, read);
  expect(plans.length).toBeGreaterThan(0);
  for (const plan of plans) {
    expect(plan.sequentialScans.filter((table) => /^(agent|agent_task|audit_event.*)$/.test(table))).toEqual(
      [],
    );
    expect(plan.blocks).toBeLessThan(maxBlocks);
  }
}

describe('the first page of agents reads few blocks', () => {
  const { limit } = PAGE;
  it.each([
    {},
    { status: 'UNKNOWN' },
    { platform: 'macos' },
    { agent_version: '0.9' },
    { hostname: 'NEEDLE' },
    { hostname: 'needle-host' },
    { hostname: 'ost-29999' },
    { hostname: 'needle-bulk' },
    { hostname: 'needle-q' },
    { tag: 'site=common' },
    { tag: 'site' },
    { tag: 'site=rare', status: 'ONLINE', hostname: 'host' },
    { tag: 'site=rare' },
    { tag: 'nowhere' },
    { cloned_from: '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01' },
    { is_online: true },
    { is_online: false },
    { is_online: false, platform: 'macos', tag: 'nowhere' },
    { status: 'OFFLINE', platform: 'macos', agent_version: '0.9' },
  ] as const)('filtered by %j', async (filter) => {
    await expectIndexed(() => database.stores.agents.list({ ...filter, limit }));
  });

  // No index finds these: what they may look at is bounded by rows, of an agent and of its presence.
  it.each([
    { is_online: false, hostname: 'q' },
    { hostname: 'lk-' },
    { hostname: 'host-2', status: 'UNKNOWN' },
    { hostname: 'bulk-host', platform: 'macos' },
    { tag: 'site=common', platform: 'windows' },
    { last_heartbeat_before: '2020-01-01T00:00:00.000Z' },
    { last_heartbeat_after: '2020-01-01T00:00:00.000Z' },
    { last_heartbeat_before: '2020-01-01T00:00:00.000Z', status: 'OFFLINE', hostname: 'needle' },
  ] as const)('filtered by %j, which no index finds', async (filter) => {
    await expectIndexed(() => database.stores.agents.list({ ...filter, limit }), 4 * LOOKED_AT.byKey);
  });

  it('deep in the list', async () => {
    const cursor = encodeCursor('agents', agent.replace(/^./, 'f'));
    await expectIndexed(() => database.stores.agents.list({ cursor, limit }));
    await expectIndexed(() =>
      database.stores.agents.list({ cursor, platform: 'macos', hostname: 'q', limit }),
    );
  });
});

it('the summary of the fleet reads no agents', async () => {
  await expectIndexed(() => database.stores.agents.summary());
});

describe('the first page of tasks reads few blocks', () => {
  it.each([
    {},
    { status: 'TIMEOUT' },
    { task_type: 'UPDATE' },
    { correlation_id: 'needle' },
    { created_before: '2020-01-01T00:00:00.000Z' },
    { created_after: '2020-01-01T00:00:00.000Z' },
    { status: 'TIMEOUT', task_type: 'COLLECT' },
    // Each is common, and by what statistics say both together, too: nothing is.
    { status: 'COMPLETED', task_type: 'DEPLOY' },
    { status: 'COMPLETED', task_type: 'COLLECT' },
    { task_type: 'DEPLOY', created_before: '2020-01-01T00:00:00.000Z' },
    { status: 'COMPLETED', task_type: 'UPDATE', correlation_id: 'needle' },
    { status: 'COMPLETED', created_before: '2020-01-01T00:00:00.000Z' },
  ] as const)('filtered by %j', async (filter) => {
    await expectIndexed(() => database.stores.tasks.list({ ...filter, ...PAGE }));
  });

  it('of one agent, for operators and for the agent itself', async () => {
    await expectIndexed(() => database.stores.tasks.list({ agent_id: agent, ...PAGE }));
    await expectIndexed(() => database.stores.tasks.list({ agent_id: agent, status: 'TIMEOUT', ...PAGE }));
    await expectIndexed(() => database.stores.tasks.listForAgent(agent, { limit: 100 }));
  });
});

describe('the first page of the audit reads few blocks', () => {
  it.each([
    {},
    { object_id: 'needle' },
    { object_type: 'needle', object_id: 'needle' },
    { object_type: 'needle' },
    { actor_id: 'needle' },
    { action: 'needle.action' },
    { kind: 'security' },
    { correlation_id: 'needle' },
    { before: '2020-01-01T00:00:00.000Z' },
    { after: '2020-01-01T00:00:00.000Z' },
  ] as const)('filtered by %j', async (filter) => {
    await expectIndexed(() => database.stores.audit.list({ ...filter, ...PAGE }));
  });
});

it('a heartbeat, its hand-over and one pass of expiry read no table from end to end', async () => {
  await database.pool.query('INSERT INTO intake VALUES (true, now())');
  for (const read of [
    () => database.stores.presence.checkIns.checkIn({ agentId: agent, heartbeat: {} }),
    () => database.stores.tasks.snapshots([task]),
    () => database.stores.outbox.lease(10),
  ]) {
    for (const { sequentialScans } of await plansOf(database.pool, read, { analyze: false }))
      expect(sequentialScans.filter((table) => /^(agent|agent_task|agent_presence)$/.test(table))).toEqual(
        [],
      );
  }
});
