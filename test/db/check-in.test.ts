import { randomUUID } from 'node:crypto';
import { openDatabase } from '../../db/database.ts';
import { applyEdges } from '../../db/stores/agent-presence/edges.ts';
import { createStores } from '../../db/stores/index.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { untilSomebodyWaits } from './support/locks.ts';
import { statementsOf } from './support/statements.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database?.dispose());

async function onlineFleet(size: number): Promise<string[]> {
  const ids = [];
  while (ids.length < size) ids.push(await fleet.enrol());
  await Promise.all(ids.map((id) => fleet.heartbeat(id)));
  return ids;
}

it('many uneventful heartbeats at once cost one statement, one alone as well', async () => {
  const ids = await onlineFleet(200);
  const together = await statementsOf(() => Promise.all(ids.map((id) => fleet.heartbeat(id))));
  expect(together).toHaveLength(1);
  expect(together[0]).toContain('UPDATE agent_presence');
  const [id = ''] = ids;
  expect(await statementsOf(() => fleet.heartbeat(id, { counters: { waiting: 3 } }))).toHaveLength(1);
});

it('more heartbeats than a batch takes cost one statement a batch, not one an agent', async () => {
  const ids = await onlineFleet(10);
  const beats = Array.from({ length: 600 }, (_, n) => ids[n % ids.length] ?? '');
  const statements = await statementsOf(() => Promise.all(beats.map((id) => fleet.heartbeat(id))));
  expect(statements.length).toBeLessThanOrEqual(4);
});

it('edges and hand-overs of many agents cost a fixed number of statements', async () => {
  const ids: string[] = [];
  while (ids.length < 100) {
    const id = await fleet.enrol();
    await fleet.task(id);
    ids.push(id);
  }
  const statements = await statementsOf(async () => {
    const answers = await Promise.all(ids.map((id) => fleet.heartbeat(id)));
    expect(answers.every((answer) => answer.kind === 'accepted' && answer.tasks.length === 1)).toBe(true);
  });
  // Stamp; edges with their audit; hand-over.
  expect(statements).toHaveLength(3);
});

it('an agent that is in a batch twice gets its tasks once', async () => {
  const id = await fleet.online();
  await fleet.task(id);
  const [first, second] = await Promise.all([fleet.heartbeat(id), fleet.heartbeat(id)]);
  // The later caller: the earlier one may have given up waiting.
  expect(first).toMatchObject({ kind: 'accepted', tasks: [] });
  expect(second).toMatchObject({ kind: 'accepted', tasks: [{ status: 'ASSIGNED' }] });
});

it('two writers on one database hand each task over once', async () => {
  const second = openDatabase({ url: database.url, poolSize: 6, applicationName: 'eucora-test' });
  try {
    const stores = createStores(second, database.config);
    const ids = await onlineFleet(20);
    const made = [];
    for (const id of ids) for (let n = 0; n < 15; n += 1) made.push(await fleet.task(id));
    const answers = await Promise.all(
      ids.flatMap((agentId) =>
        [database.stores, stores, database.stores, stores].map((one) =>
          one.presence.checkIns.checkIn({ agentId, heartbeat: {} }),
        ),
      ),
    );
    const given = answers.flatMap((answer) =>
      answer.kind === 'accepted' ? answer.tasks.map((t) => t.id) : [],
    );
    while (given.length < made.length) {
      const more = (await Promise.all(ids.map((id) => fleet.handOver(id)))).flat();
      if (more.length === 0) break;
      given.push(...more);
    }
    expect(given).toHaveLength(made.length);
    expect(new Set(given)).toEqual(new Set(made));
    const { rows } = await database.pool.query('SELECT 1 FROM agent_task WHERE handover_count > 1');
    expect(rows).toEqual([]);
  } finally {
    await second.close();
  }
});

describe('edges', () => {
  it('the first heartbeat, an error and its end change the status, and each is audited', async () => {
    const id = await fleet.enrol();
    expect(await fleet.heartbeat(id)).toMatchObject({ status: 'ONLINE' });
    expect(await fleet.heartbeat(id, { last_error: 'no space' })).toMatchObject({ status: 'DEGRADED' });
    expect(await fleet.heartbeat(id, { status: 'DEGRADED' })).toMatchObject({ status: 'DEGRADED' });
    expect(await fleet.heartbeat(id)).toMatchObject({ status: 'ONLINE' });
    const { items } = await database.stores.audit.list({ object_id: id, action: 'agent.status', limit: 10 });
    expect(items.map((event) => [event.before?.['status'], event.after])).toEqual([
      ['DEGRADED', { status: 'ONLINE' }],
      ['ONLINE', { status: 'DEGRADED', last_error: 'no space' }],
      ['UNKNOWN', { status: 'ONLINE' }],
    ]);
  });

  it('a new version is taken up without a change of status', async () => {
    const id = await fleet.online();
    await fleet.heartbeat(id, { agent_version: '2.0.0' });
    expect(await database.stores.agents.find(id)).toMatchObject({ agent_version: '2.0.0', status: 'ONLINE' });
    expect(await statementsOf(() => fleet.heartbeat(id, { agent_version: '2.0.0' }))).toHaveLength(1);
  });

  it('an agent revoked between its stamp and its edge stays revoked and OFFLINE', async () => {
    const id = await fleet.enrol();
    await database.stores.agents.revoke(id, OPERATOR, 'test');
    await applyEdges(database.pool, [{ agentId: id, heartbeat: {} }]);
    expect(await database.stores.agents.find(id)).toMatchObject({ status: 'OFFLINE' });
  });

  it('an edge and a revocation of the same agent at once do not deadlock', async () => {
    const id = await fleet.online();
    const edge = await database.pool.connect();
    try {
      await edge.query('BEGIN');
      await edge.query('SELECT 1 FROM agent_presence WHERE agent_id = $1 FOR UPDATE', [id]);
      const revoked = database.stores.agents.revoke(id, OPERATOR, 'test');
      await untilSomebodyWaits(database.pool);
      await edge.query(`UPDATE agent SET status = 'DEGRADED' WHERE id = $1`, [id]);
      await edge.query('COMMIT');
      expect(await revoked).toMatchObject({ status: 'OFFLINE' });
    } finally {
      edge.release();
    }
  });

  it('an edge and a deletion of the same agent at once do not deadlock', async () => {
    const id = await fleet.online();
    const edge = await database.pool.connect();
    try {
      await edge.query('BEGIN');
      await edge.query('SELECT 1 FROM agent_presence WHERE agent_id = $1 FOR UPDATE', [id]);
      const deleted = database.stores.agents.delete(id, OPERATOR, 'test');
      await untilSomebodyWaits(database.pool);
      await edge.query(`UPDATE agent SET status = 'DEGRADED' WHERE id = $1`, [id]);
      await edge.query('COMMIT');
      expect(await deleted).toBe(true);
    } finally {
      edge.release();
    }
  });
});

describe('two machines with one identity', () => {
  it('other hardware is a clone: it gets no task, changes nothing, and is audited as a security event', async () => {
    const id = await fleet.online();
    const task = await fleet.task(id);
    expect(await fleet.heartbeat(id, { hardware_id: 'other-machine', agent_version: '9' })).toEqual({
      kind: 'cloned',
    });
    expect((await fleet.find(task)).status).toBe('PENDING');
    expect((await database.stores.agents.find(id))?.agent_version).toBe('1.0.0');
    const { items } = await database.stores.audit.list({ object_id: id, kind: 'security', limit: 10 });
    expect(items).toMatchObject([{ action: 'security.agent_cloned' }]);
  });

  it('a restarted agent is no clone, an instance that speaks again after another one is', async () => {
    const id = await fleet.online();
    const [first, second] = [randomUUID(), randomUUID()];
    expect(await fleet.heartbeat(id, { instance_id: first })).toMatchObject({ kind: 'accepted' });
    expect(await fleet.heartbeat(id, { instance_id: second })).toMatchObject({ kind: 'accepted' });
    expect(await fleet.heartbeat(id, { instance_id: second })).toMatchObject({ kind: 'accepted' });
    expect(await fleet.heartbeat(id, { instance_id: first })).toEqual({ kind: 'cloned' });
    expect(await fleet.heartbeat(id, { instance_id: second })).toMatchObject({ kind: 'accepted' });
  });
});

it('revoked and unknown agents are told apart, and others of the batch are served', async () => {
  const [good, revoked] = [await fleet.online(), await fleet.online()];
  await database.stores.agents.revoke(revoked, OPERATOR, 'test');
  expect(
    await Promise.all([fleet.heartbeat(revoked), fleet.heartbeat(randomUUID()), fleet.heartbeat(good)]),
  ).toMatchObject([{ kind: 'revoked' }, { kind: 'unknown' }, { kind: 'accepted' }]);
});

it('an error of the database rejects its batch, and the next batch works', async () => {
  const id = await fleet.online();
  await database.pool.query('ALTER TABLE agent_presence RENAME TO hidden');
  const failed = await Promise.allSettled([fleet.heartbeat(id), fleet.heartbeat(id)]);
  await database.pool.query('ALTER TABLE hidden RENAME TO agent_presence');
  expect(failed.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  expect(await fleet.heartbeat(id)).toMatchObject({ kind: 'accepted' });
});

describe('machines that share an identity', () => {
  const first = '00000000-0000-4000-8000-000000000001';
  const second = '00000000-0000-4000-8000-000000000002';
  const third = '00000000-0000-4000-8000-000000000003';

  it('in one batch are judged each by its own word, and only the right one gets tasks', async () => {
    const id = await fleet.online();
    await fleet.task(id);
    const { hardware_id } = await hardwareOf(id);
    const [other, own] = await Promise.all([
      fleet.heartbeat(id, { hardware_id: 'another-machine' }),
      fleet.heartbeat(id, { hardware_id }),
    ]);
    expect(other).toEqual({ kind: 'cloned' });
    expect(own).toMatchObject({ kind: 'accepted', tasks: [{ status: 'ASSIGNED' }] });
  });

  it('a machine that is refused does not keep the other one alive', async () => {
    const id = await fleet.online();
    const before = (await database.stores.agents.find(id))?.last_heartbeat_at;
    expect(await fleet.heartbeat(id, { hardware_id: 'another-machine' })).toEqual({ kind: 'cloned' });
    expect((await database.stores.agents.find(id))?.last_heartbeat_at).toBe(before);
  });

  it('three that take turns are noticed when the first comes back, and audited once an hour', async () => {
    const id = await fleet.online();
    for (const instance_id of [first, second, third]) {
      expect(await fleet.heartbeat(id, { instance_id })).toMatchObject({ kind: 'accepted' });
    }
    expect(await fleet.heartbeat(id, { instance_id: first })).toEqual({ kind: 'cloned' });
    expect(await fleet.heartbeat(id, { instance_id: second })).toEqual({ kind: 'cloned' });
    expect(await fleet.heartbeat(id, { instance_id: third })).toMatchObject({ kind: 'accepted' });
    const { items } = await database.stores.audit.list({
      object_id: id,
      action: 'security.agent_cloned',
      limit: 10,
    });
    expect(items).toHaveLength(1);
  });
});

async function hardwareOf(id: string): Promise<{ hardware_id: string }> {
  const { rows } = await database.pool.query<{ hardware_id: string }>(
    'SELECT hardware_id FROM agent WHERE id = $1',
    [id],
  );
  return rows[0] ?? { hardware_id: '' };
}
