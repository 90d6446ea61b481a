import type { Pool } from 'pg';
import { expireShard } from '../../db/stores/agent-presence/expiry.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeEach(async () => {
  database = await createTestDatabase({ EUCORA_ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/' });
  fleet = new Fleet(database);
  await fleet.freeze();
  await fleet.listen();
});
afterEach(() => database?.dispose());

const statusOf = async (id: string) => (await database.stores.agents.find(id))?.status;

/** Moves the clock while agents could be heard all the time. */
async function clock(seconds: number): Promise<void> {
  await database.setClock(seconds);
  await fleet.listen();
}

async function presenceOf(id: string): Promise<{ shard: number }> {
  const { rows } = await database.pool.query('SELECT shard FROM agent_presence WHERE agent_id = $1', [id]);
  return rows[0];
}

/** The same database, whose statements outside of transactions take longer. */
function slowly(pool: Pool, ms: number): Pool {
  const slow = async (text: string, values: unknown[]) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return pool.query(text, values);
  };
  return Object.assign(Object.create(pool) as Pool, { connect: () => pool.connect(), query: slow });
}

/** Moves the clock to a number of seconds after the agent's last heartbeat, exactly by the database's own clock. */
async function pinSilence(id: string, seconds: number): Promise<void> {
  await database.pool.query(
    'UPDATE agent_presence SET last_heartbeat_at = now() - make_interval(secs => $2) WHERE agent_id = $1',
    [id, seconds],
  );
}

it('takes an agent OFFLINE five minutes after its last heartbeat and not a second earlier', async () => {
  const id = await fleet.online();
  await pinSilence(id, 299);
  const early = await fleet.expire();
  expect(early.expired).toBe(0);
  expect(await statusOf(id)).toBe('ONLINE');
  expect(early.nextInMs).toBe(1_000);
  await pinSilence(id, 300);
  expect((await fleet.expire()).expired).toBe(1);
  expect(await statusOf(id)).toBe('OFFLINE');
});

it('says when the next agent can expire; without any, it sleeps for the whole silence', async () => {
  expect((await fleet.expire()).nextInMs).toBe(300_000);
  const id = await fleet.online();
  await pinSilence(id, 100);
  expect((await fleet.expire()).nextInMs).toBe(200_000);
});

it('never sleeps less than a moment, so that agents due one after the other are taken together', async () => {
  const id = await fleet.online();
  await pinSilence(id, 299.8);
  expect((await fleet.expire()).nextInMs).toBe(250);
});

it('waits longer after a long look, but never so long that whoever is due next is shown OFFLINE late', async () => {
  const id = await fleet.online();
  await pinSilence(id, 299.7);
  const shard = (await presenceOf(id)).shard;
  const rules = { offlineAfterSeconds: 300, intakeSilenceSeconds: 15, alertsDelivered: false };
  const after = async (lookMs: number) => {
    const begun = performance.now();
    const { next_in_ms } = await expireShard(slowly(database.pool, lookMs), shard, rules);
    return { next_in_ms, tookMs: performance.now() - begun };
  };
  const short = await after(0);
  expect(short.next_in_ms).toBeGreaterThanOrEqual(300);
  expect(short.next_in_ms).toBeLessThanOrEqual(Math.max(300, Math.ceil(4 * short.tookMs)));
  // Timers may be a millisecond early.
  expect((await after(150)).next_in_ms).toBeGreaterThanOrEqual(4 * 149);
  expect((await after(600)).next_in_ms).toBe(1_000);
});

it('an agent that is heard in time starts its five minutes anew', async () => {
  const id = await fleet.online();
  await clock(299);
  await fleet.heartbeat(id);
  await clock(598);
  expect((await fleet.expire()).expired).toBe(0);
  await clock(600);
  expect((await fleet.expire()).expired).toBe(1);
});

it('an expired agent is not expired again, and neither is one that was never heard or is revoked', async () => {
  await fleet.enrol();
  const revoked = await fleet.online();
  await database.stores.agents.revoke(revoked, OPERATOR, 'test');
  await fleet.online();
  await clock(301);
  expect((await fleet.expire()).expired).toBe(1);
  expect((await fleet.expire()).expired).toBe(0);
});

it('a DEGRADED agent expires as well, and the audit names both states and the workflow', async () => {
  const id = await fleet.online();
  await fleet.heartbeat(id, { status: 'DEGRADED', last_error: 'disk' });
  await clock(301);
  await fleet.expire();
  const { items } = await database.stores.audit.list({ object_id: id, action: 'agent.status', limit: 1 });
  expect(items).toMatchObject([
    { actor_type: 'workflow', before: { status: 'DEGRADED' }, after: { status: 'OFFLINE' } },
  ]);
  expect(items[0]?.actor_id).toMatch(/^agent-presence\/[0-7]$/);
});

it('more agents of one shard than a transaction takes expire in one pass, each with its alert', async () => {
  const template = await fleet.online({ critical: true });
  await database.pool.query(
    `WITH more AS (
       INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'bulk:' || n, 'bulk-' || n, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at
       FROM agent, generate_series(1, 1100) n WHERE id = $1 RETURNING id)
     INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id)
     SELECT more.id, p.last_heartbeat_at, p.shard, p.status, p.agent_version, p.hardware_id
     FROM more, agent_presence p WHERE p.agent_id = $1`,
    [template],
  );
  await clock(301);
  const pass = await fleet.expire();
  expect(pass.expired).toBe(1_101);
  const batches = await Promise.all(
    pass.alertBatches.map((batch) => database.stores.alerts.findBatch(batch)),
  );
  expect(new Set(batches.flat().map((alert) => alert.id)).size).toBe(1_101);
});

describe('tasks of an agent that goes OFFLINE', () => {
  it('handed over but not started go back to the queue; a started one goes on', async () => {
    const id = await fleet.online();
    const started = await fleet.task(id);
    const handedOver = await fleet.task(id);
    await fleet.heartbeat(id);
    await database.stores.tasks.takeWord(started, id, { word: 'start' }, 'test');
    const pending = await fleet.task(id);
    await clock(301);
    await fleet.expire();
    expect((await fleet.find(started)).status).toBe('IN_PROGRESS');
    expect(await fleet.find(handedOver)).toMatchObject({ status: 'PENDING', retry_count: 0 });
    const { items } = await database.stores.tasks.offlineQueue({ agent_id: id, limit: 10 });
    expect(items.map((item) => item.task_id).sort()).toEqual([handedOver, pending].sort());
    const complete = { word: 'complete', result: {} } as const;
    expect((await database.stores.tasks.takeWord(started, id, complete, 'test')).kind).toBe('taken');
  });

  it('come back in the order in which they were queued, at most ten with each heartbeat', async () => {
    const id = await fleet.enrol();
    const made = [];
    while (made.length < 23) made.push(await fleet.task(id));
    const delivered = [await fleet.handOver(id), await fleet.handOver(id), await fleet.handOver(id)];
    expect(delivered.map((ids) => ids.length)).toEqual([10, 10, 3]);
    expect(delivered.flat()).toEqual(made);
    expect((await database.stores.tasks.offlineQueue({ delivered: false, limit: 10 })).items).toEqual([]);
    const { items } = await database.stores.tasks.offlineQueue({ delivered: true, limit: 100 });
    expect(items).toHaveLength(23);
  });

  it('a task created for an agent that was never heard is queued for it, too', async () => {
    const id = await fleet.enrol();
    const task = await fleet.task(id);
    const { items } = await database.stores.tasks.offlineQueue({ agent_id: id, delivered: false, limit: 10 });
    expect(items).toMatchObject([{ task_id: task, delivered_at: null, retry_count: 0, max_retries: 3 }]);
  });
});

describe('alerts', () => {
  it('are raised for critical agents only, and once until the agent is back', async () => {
    const critical = await fleet.online({ critical: true });
    for (const tags of [{}, { critical: false }, { critical: 'no' }, { critical: 0 }, { critical: 'False' }])
      await fleet.online(tags);
    await clock(301);
    const pass = await fleet.expire();
    expect(pass).toMatchObject({ expired: 6 });
    expect(pass.alertBatches).toHaveLength(1);
    const [batch = ''] = pass.alertBatches;
    expect(await database.stores.alerts.findBatch(batch)).toMatchObject([
      { agent_id: critical, kind: 'agent_offline', resolved_at: null, delivery: 'pending' },
    ]);
    // Named again until its delivery has begun: the answer of the first pass may have been lost.
    expect((await fleet.expire()).alertBatches).toEqual([batch]);
    await database.stores.alerts.noteAttempt(batch, 'away');
    expect((await fleet.expire()).alertBatches).toEqual([]);

    await fleet.heartbeat(critical);
    expect(await database.stores.alerts.list({ open: true, limit: 10 })).toEqual({
      items: [],
      next_cursor: null,
    });
    await clock(700);
    const again = await fleet.expire();
    expect(again.alertBatches).toHaveLength(1);
    expect(again.alertBatches).not.toEqual([batch]);
    expect((await database.stores.alerts.list({ agent_id: critical, limit: 10 })).items).toHaveLength(2);
  });

  it('are recorded as disabled, and not handed to delivery, where no webhook is configured', async () => {
    const other = await createTestDatabase();
    try {
      const quiet = new Fleet(other);
      await quiet.online({ critical: 'yes' });
      await other.setClock(301);
      await quiet.listen();
      expect((await quiet.expire()).alertBatches).toEqual([]);
      expect((await other.stores.alerts.list({ open: true, limit: 10 })).items).toMatchObject([
        { delivery: 'disabled' },
      ]);
    } finally {
      await other.dispose();
    }
  });

  it('end with the revocation of their agent', async () => {
    const id = await fleet.online({ critical: true });
    await clock(301);
    await fleet.expire();
    await database.stores.agents.revoke(id, OPERATOR, 'test');
    expect((await database.stores.alerts.list({ open: false, limit: 10 })).items).toHaveLength(1);
  });
});
