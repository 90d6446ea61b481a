import { randomUUID } from 'node:crypto';
import { inTransaction, isRetryable, isUnavailable, openDatabase } from '../../db/database.ts';
import { matchesHash } from '../../db/stores/tokens.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { eventually } from '../harness/eventually.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { plansOf } from './support/plans.ts';

let database: TestDatabase;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database?.dispose());
afterEach(() => database.setClock(0));

const at = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

describe('operators’ tokens', () => {
  it('work until they expire or are revoked, and are kept as hashes only', async () => {
    const { operatorTokens } = database.stores;
    const made = await operatorTokens.create(
      { name: 'ci', scopes: ['viewer', 'viewer'], expires_in_seconds: 60 },
      OPERATOR,
      'c',
    );
    expect(await operatorTokens.authenticate(made.token)).toEqual({ name: 'ci', scopes: ['viewer'] });
    expect(await operatorTokens.authenticate(`${made.token}x`)).toBeUndefined();
    expect(JSON.stringify((await operatorTokens.list({ limit: 5 })).items)).not.toContain(made.token);
    await database.setClock(61);
    expect(await operatorTokens.authenticate(made.token)).toBeUndefined();
    await database.setClock(0);
    expect(await operatorTokens.revoke(made.id, OPERATOR, 'c')).toBe(true);
    expect(await operatorTokens.authenticate(made.token)).toBeUndefined();
    expect(await operatorTokens.revoke(randomUUID(), OPERATOR, 'c')).toBe(false);
    expect(matchesHash('a', Buffer.from('short'))).toBe(false);
  });
});

describe('artifacts', () => {
  it('are noted once under their hash, keep their first name and are listed in its order', async () => {
    const { artifacts } = database.stores;
    const hashes = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
    for (const sha256 of hashes) await artifacts.add({ sha256, sizeBytes: 1, name: 'first' }, OPERATOR, 'c');
    const again = await artifacts.add(
      { sha256: hashes[0] ?? '', sizeBytes: 1, name: 'second' },
      OPERATOR,
      'c',
    );
    expect(again.name).toBe('first');
    expect(await artifacts.find(hashes[1] ?? '')).toMatchObject({ size_bytes: 1 });
    expect(await artifacts.find('d'.repeat(64))).toBeUndefined();
    const page = await artifacts.list({ limit: 2 });
    const rest = await artifacts.list({ limit: 2, cursor: page.next_cursor ?? '' });
    expect([...page.items, ...rest.items].map((artifact) => artifact.sha256)).toEqual(hashes);
    expect((await database.stores.audit.list({ action: 'artifact.create', limit: 9 })).items).toHaveLength(3);
  });
});

describe('telemetry', () => {
  it('of a batch keeps each sample once, however often it is sent', async () => {
    const id = await fleet.online();
    // All from one moment, however long the steps between take.
    const [minuteAgo, between, halfMinuteAgo] = [at(-60), at(-50), at(-30)];
    const [older, newer] = [
      { collected_at: minuteAgo, cpu_percent: 1 },
      { collected_at: halfMinuteAgo, cpu_percent: 2 },
    ];
    const { telemetry } = database.stores;
    expect(await telemetry.add(id, [older, newer, older])).toMatchObject({ isNew: [true, true, false] });
    expect(await telemetry.add(id, [newer])).toMatchObject({ isNew: [false] });
    expect(await telemetry.add(id, [])).toMatchObject({ kind: 'taken', isNew: [] });
    const page = await telemetry.list(id, { limit: 1, with_software: false });
    expect(page.items).toMatchObject([{ cpu_percent: 2 }]);
    const rest = await telemetry.list(id, { limit: 1, with_software: false, cursor: page.next_cursor ?? '' });
    expect(rest.items).toMatchObject([{ cpu_percent: 1 }]);
    const early = { collected_after: minuteAgo, collected_before: between };
    expect((await telemetry.list(id, { limit: 5, with_software: true, ...early })).items).toHaveLength(1);
  });

  it('gives the software list that was sent last', async () => {
    const id = await fleet.online();
    const { telemetry } = database.stores;
    expect(await telemetry.latestSoftware(id)).toBeUndefined();
    const software = [{ name: 'curl', version: '8' }];
    await telemetry.add(id, [
      { collected_at: at(-60), installed_software: software },
      { collected_at: at(-30) },
    ]);
    expect((await telemetry.latestSoftware(id))?.software).toEqual(software);
  });

  it('at a threshold makes an agent DEGRADED, below it ONLINE again; an old sample judges nothing', async () => {
    const id = await fleet.online();
    const { telemetry, agents, audit } = database.stores;
    const status = async () => (await agents.find(id))?.status;
    // From one moment: which is older may not depend on how long the steps between take.
    const [older, newer] = [at(-55), at(-50)];
    await telemetry.add(id, [{ collected_at: newer, disk_percent: 95 }]);
    expect(await status()).toBe('DEGRADED');
    await telemetry.add(id, [{ collected_at: older, disk_percent: 10 }]);
    expect(await status()).toBe('DEGRADED');
    expect(await fleet.heartbeat(id)).toMatchObject({ status: 'DEGRADED' });
    await telemetry.add(id, [{ collected_at: at(-40), disk_percent: 10 }]);
    expect(await status()).toBe('ONLINE');
    const { items } = await audit.list({ object_id: id, action: 'agent.status', limit: 2 });
    expect(items.map((event) => event.after?.['reason'])).toEqual([
      'telemetry is back below the thresholds',
      'telemetry crossed a threshold',
    ]);
  });

  it('of an agent that is away is noted without bringing it back', async () => {
    const id = await fleet.enrol();
    await database.stores.telemetry.add(id, [{ collected_at: at(-5), cpu_percent: 99 }]);
    expect((await database.stores.agents.find(id))?.status).toBe('UNKNOWN');
    expect(await fleet.heartbeat(id)).toMatchObject({ status: 'DEGRADED' });
  });
});

it('deployment reports belong to an agent’s own tasks and are listed by agent, task and package', async () => {
  const [id, other] = [await fleet.online(), await fleet.online()];
  const task = await fleet.task(id);
  const report = { package_name: 'curl', package_version: '8', status: 'INSTALLED' } as const;
  const { deploymentStatuses } = database.stores;
  expect(await deploymentStatuses.add(id, { ...report, task_id: task, progress: 100 })).toMatchObject(report);
  expect(await deploymentStatuses.add(id, report)).toMatchObject({ task_id: null });
  expect(await deploymentStatuses.add(other, { ...report, task_id: task })).toBeUndefined();
  expect(
    (await deploymentStatuses.list({ agent_id: id, package_name: 'curl', limit: 5 })).items,
  ).toHaveLength(2);
  expect((await deploymentStatuses.list({ task_id: task, limit: 5 })).items).toHaveLength(1);
});

it('losses are found by an index of their own, however many other changes of status came after', async () => {
  const events = `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, after)
    SELECT uuid7(), now(), 'system', 'x', $1, 'change', 'agent', $2, jsonb_build_object('status', $3::text)
    FROM generate_series(1, $4)`;
  await database.pool.query(events, ['agent.status', 'lost', 'OFFLINE', 1]);
  await database.pool.query(events, ['other.status', 'other', 'OFFLINE', 10]);
  await database.pool.query(events, ['agent.status', 'well', 'ONLINE', 20_000]);
  await database.pool.query('ANALYZE audit_event');
  const query = { agent_status: 'OFFLINE', limit: 10 } as const;
  const { items } = await database.stores.audit.list(query);
  expect(items[0]?.object_id).toBe('lost');
  expect(items.every(({ action }) => action === 'agent.status')).toBe(true);
  const [plan] = await plansOf(database.pool, () => database.stores.audit.list(query));
  // Twenty thousand events fill some hundred blocks.
  expect(plan?.blocks).toBeLessThan(60);
});

it('alerts are paged, newest first', async () => {
  const id = await fleet.enrol();
  await database.pool.query(
    `INSERT INTO alert (id, kind, agent_id, opened_at, resolved_at, delivery, delivery_batch)
     SELECT uuid7(), 'agent_offline', $1, now(), now(), 'disabled', gen_random_uuid() FROM generate_series(1, 3)`,
    [id],
  );
  const page = await database.stores.alerts.list({ agent_id: id, limit: 2 });
  const rest = await database.stores.alerts.list({ agent_id: id, limit: 2, cursor: page.next_cursor ?? '' });
  expect([page.items.length, rest.items.length, rest.next_cursor]).toEqual([2, 1, null]);
});

describe('the database', () => {
  it('tells errors that pass by from those that stay', async () => {
    const away = openDatabase({
      url: 'postgres://127.0.0.1:1/x',
      poolSize: 3,
      applicationName: 'eucora-test',
    });
    expect(isUnavailable(await away.pool.query('SELECT 1').catch((error: unknown) => error))).toBe(true);
    expect(isUnavailable(await away.models.task.findOne().catch((error: unknown) => error))).toBe(true);
    await away.close();
    expect(isUnavailable({ code: '57P01' })).toBe(true);
    expect(isUnavailable({ message: 'Connection terminated unexpectedly' })).toBe(true);
    expect(isUnavailable({ name: 'SequelizeConnectionAcquireTimeoutError' })).toBe(true);
    expect(isUnavailable({ code: '23505' })).toBe(false);
    expect(isUnavailable(undefined)).toBe(false);
    expect(isRetryable({ code: '40P01' })).toBe(true);
    expect(isRetryable({})).toBe(false);
  });

  it('an idle connection that breaks is told and replaced', async () => {
    const told: Error[] = [];
    const other = openDatabase({
      url: database.url,
      poolSize: 2,
      applicationName: 'eucora-test',
      onError: (error) => told.push(error),
    });
    const { rows } = await other.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await eventually(() => expect(told).toHaveLength(1));
    expect((await other.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await other.close();
  });

  it('runs a transaction that lost a deadlock again, at most four times, and no other error', async () => {
    let runs = 0;
    const failing = (code: string) =>
      inTransaction(database.pool, async () => {
        runs += 1;
        throw Object.assign(new Error('lost'), { code });
      });
    await expect(failing('40P01')).rejects.toThrow('lost');
    expect(runs).toBe(4);
    await expect(failing('23505')).rejects.toThrow('lost');
    expect(runs).toBe(5);
  });
});
