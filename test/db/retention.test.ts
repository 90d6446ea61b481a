import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';

const DAY = 86_400;

let database: TestDatabase;
let fleet: Fleet;
beforeEach(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
  await fleet.freeze();
});
afterEach(() => database?.dispose());

async function partitionsOf(parent: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    'SELECT relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = $1::regclass ORDER BY 1',
    [parent],
  );
  return rows.map((row) => row.name);
}

const sample = (at: Date) => ({ collected_at: at.toISOString(), cpu_percent: 1 });

describe('the audit', () => {
  it.each(['UPDATE %s SET action = $$x$$', 'DELETE FROM %s', 'TRUNCATE %s'])(
    'refuses %s, on the table and on each partition',
    async (statement) => {
      await fleet.enrol();
      const partitions = await partitionsOf('audit_event');
      expect(partitions.length).toBeGreaterThanOrEqual(2);
      // The first one holds the events of now; a statement on rows finds none in the others.
      const guarded = statement.startsWith('TRUNCATE') ? partitions : partitions.slice(0, 1);
      for (const table of ['audit_event', ...guarded])
        await expect(database.pool.query(statement.replace('%s', table))).rejects.toMatchObject({
          code: '42501',
        });
      expect((await database.stores.audit.list({ limit: 10 })).items.length).toBeGreaterThan(0);
    },
  );

  it('partitions that are made later are guarded as well', async () => {
    await database.setClock(90 * DAY);
    await database.stores.maintenance.ensurePartitions();
    const last = (await partitionsOf('audit_event')).at(-1);
    await expect(database.pool.query(`TRUNCATE ${last}`)).rejects.toMatchObject({ code: '42501' });
  });

  it('is dropped by whole months when its time is over, and not before', async () => {
    await fleet.enrol();
    const [first = ''] = await partitionsOf('audit_event');
    await database.setClock(729 * DAY);
    await database.stores.maintenance.ensurePartitions();
    expect((await database.stores.maintenance.applyRetention()).dropped).not.toContain(first);
    await database.setClock((730 + 31) * DAY);
    const { dropped } = await database.stores.maintenance.applyRetention();
    expect(dropped.map((name) => name.split('.').at(-1))).toContain(first);
    expect((await database.stores.audit.list({ limit: 10 })).items).toEqual([]);
  });
});

describe('partitions', () => {
  it('are there for every day of the retention and the days to come; made again, none is made', async () => {
    expect(await database.stores.maintenance.ensurePartitions()).toBe(0);
    expect(await partitionsOf('telemetry')).toHaveLength(61);
    await database.setClock(DAY);
    expect(await database.stores.maintenance.ensurePartitions()).toBe(1);
  });

  it('asked for by several at once are made once', async () => {
    await database.setClock(100 * DAY);
    const { maintenance } = database.stores;
    const made = await Promise.all([1, 2, 3, 4].map(() => maintenance.ensurePartitions()));
    expect(made.filter((count) => count > 0)).toHaveLength(1);
  });

  it('of telemetry are dropped when the last sample in them is older than the retention', async () => {
    const agent = await fleet.enrol();
    await database.stores.telemetry.add(agent, [sample(new Date())]);
    await database.setClock(30 * DAY);
    await database.stores.maintenance.ensurePartitions();
    await database.stores.maintenance.applyRetention();
    expect(
      (await database.stores.telemetry.list(agent, { limit: 10, with_software: false })).items,
    ).toHaveLength(1);
    await database.setClock(33 * DAY);
    const { dropped } = await database.stores.maintenance.applyRetention();
    expect(dropped.length).toBeGreaterThan(0);
    expect((await database.stores.telemetry.list(agent, { limit: 10, with_software: false })).items).toEqual(
      [],
    );
  });
});

it('times of samples are judged one by one: too old, from the future, or fit to be taken', async () => {
  const at = (days: number) => new Date(Date.now() + days * DAY * 1_000).toISOString();
  const samples = [at(-31), at(0), at(1), at(-29), at(0.001)].map((collected_at) => ({ collected_at }));
  expect(await database.stores.telemetry.add(await fleet.enrol(), samples)).toMatchObject({
    refusals: [
      expect.stringContaining('before the retention of 30 days'),
      null,
      expect.stringContaining('in the future'),
      null,
      null,
    ],
    isNew: [false, true, false, true, true],
  });
});

it('samples of nobody, and of an agent that was revoked, are not kept', async () => {
  const sample = { collected_at: new Date().toISOString() };
  const { telemetry, agents } = database.stores;
  expect(await telemetry.add('00000000-0000-7000-8000-000000000000', [sample])).toEqual({ kind: 'unknown' });
  const revoked = await fleet.enrol();
  await agents.revoke(revoked, OPERATOR, 'test');
  expect(await telemetry.add(revoked, [sample])).toEqual({ kind: 'revoked' });
  expect((await telemetry.list(revoked, { limit: 1, with_software: false })).items).toEqual([]);
});

it('an offline queue that is emptied at once is kept as a whole', async () => {
  const id = await fleet.enrol();
  const samples = Array.from({ length: 30 }, (_, n) => ({
    collected_at: new Date(Date.now() - n * 1_000).toISOString(),
  }));
  expect(await database.stores.telemetry.add(id, samples)).toMatchObject({
    isNew: Array.from({ length: 30 }, () => true),
  });
});

it('delivered queue items are cleaned up after seven days; those that wait stay', async () => {
  const away = await fleet.enrol();
  const back = await fleet.enrol();
  const waiting = await fleet.task(away);
  await fleet.task(back);
  await fleet.heartbeat(back);
  await database.setClock(7 * DAY - 5);
  expect((await database.stores.maintenance.applyRetention()).queueItems).toBe(0);
  await database.setClock(7 * DAY + 5);
  expect((await database.stores.maintenance.applyRetention()).queueItems).toBe(1);
  expect((await database.stores.tasks.offlineQueue({ limit: 10 })).items).toMatchObject([
    { task_id: waiting },
  ]);
  await database.stores.agents.delete(away, OPERATOR, 'test');
  expect((await database.stores.tasks.offlineQueue({ limit: 10 })).items).toEqual([]);
});

it('outages of the platform are forgotten when no deadline can depend on them', async () => {
  await database.stores.presence.beatIntake();
  await database.setClock(100);
  await database.stores.presence.beatIntake();
  await database.setClock(8 * DAY);
  await database.stores.maintenance.applyRetention();
  expect((await database.pool.query('SELECT 1 FROM intake_outage')).rows).toEqual([]);
});
