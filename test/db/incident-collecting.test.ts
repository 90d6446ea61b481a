import { ADVISORY_LOCKS } from '../../db/advisory-locks.ts';
import { OPERATOR } from './support/fleet.ts';
import { DECIDER, troubled, unique } from './support/incidents.ts';

const on = troubled();

describe('the inbox', () => {
  it('gets every failed and timed-out task with the statement that ends it, and nothing else', async () => {
    const { fleet } = on.trouble;
    const { tasks } = on.database.stores;
    const [, failed] = await on.trouble.fail('x');
    const agent = await fleet.online();
    const good = await fleet.task(agent);
    await on.trouble.run(agent, good);
    const cancelled = await fleet.task(agent);
    await tasks.cancel(cancelled, OPERATOR);
    const late = await fleet.task(agent, { timeout_seconds: 1 });
    await fleet.heartbeat(agent);
    await tasks.takeWord(late, agent, { word: 'start' }, 'test');
    const lost = await fleet.task(agent, { max_retries: 0 });
    await fleet.heartbeat(agent);
    await on.database.setClock(1_000);
    await tasks.timeOut(late);
    await tasks.requeueLostHandover(lost);
    expect((await on.trouble.inbox()).sort()).toEqual([failed, late, lost].sort());
  });

  it('is emptied by one collector at a time; a collector that dies leaves it as it was', async () => {
    const error = unique('halted');
    await on.trouble.fail(error);
    await on.trouble.fail(error);
    const blocked = await on.database.pool.connect();
    try {
      await blocked.query('BEGIN');
      await blocked.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.collector]);
      expect(await on.trouble.incidents.collect()).toBe(0);
      await blocked.query('ROLLBACK');
    } finally {
      blocked.release();
    }
    await on.database.pool.query('ALTER TABLE incident_occurrence RENAME TO elsewhere');
    await expect(on.trouble.incidents.collect()).rejects.toThrow();
    expect(await on.trouble.inbox()).toHaveLength(2);
    await on.database.pool.query('ALTER TABLE elsewhere RENAME TO incident_occurrence');
    expect(await on.trouble.incidents.collect()).toBe(2);
    expect(await on.trouble.show(await on.trouble.collected())).toMatchObject({ occurrence_count: 2 });
  });

  it('is emptied whatever else takes turns: setups, fleet files, content that is kept', async () => {
    await on.trouble.fail(unique('meanwhile'));
    const busy = await on.database.pool.connect();
    try {
      await busy.query('BEGIN');
      const others = Object.entries(ADVISORY_LOCKS).filter(([whose]) => whose !== 'collector');
      for (const [, lock] of others) await busy.query('SELECT pg_advisory_xact_lock($1)', [lock]);
      expect(await on.trouble.incidents.collect()).toBe(1);
    } finally {
      await busy.query('ROLLBACK');
      busy.release();
    }
  });

  it('a task that is noticed again counts once, and one that is gone not at all', async () => {
    const [agent, task] = await on.trouble.fail(unique('again'));
    const id = await on.trouble.collected();
    await on.database.pool.query('INSERT INTO incident_inbox VALUES ($1, now())', [task]);
    expect(await on.trouble.incidents.collect()).toBe(1);
    expect(await on.trouble.show(id)).toMatchObject({ occurrence_count: 1, device_count: 1 });
    const [, gone] = await on.trouble.fail(unique('gone'), agent);
    await on.database.pool.query('DELETE FROM agent_task WHERE id = $1', [gone]);
    expect(await on.trouble.incidents.collect()).toBe(1);
    expect(await on.trouble.collected()).toBe(id);
  });

  it('what an agent may send as an exit code does not stop it', async () => {
    const { fleet } = on.trouble;
    for (const exit_code of [1e300, 'x', null, { a: 1 }, '99999999999999', 12.5]) {
      const agent = await fleet.online();
      const task = await fleet.task(agent);
      await fleet.heartbeat(agent);
      await on.database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
      await on.database.stores.tasks.takeWord(
        task,
        agent,
        { word: 'fail', error_message: 'odd', result: { exit_code } },
        'test',
      );
    }
    expect(await on.trouble.incidents.collect()).toBe(6);
    expect(await on.trouble.show(await on.trouble.collected())).toMatchObject({
      occurrence_count: 6,
      exit_code: null,
    });
  });
});

describe('500 devices that fail alike', () => {
  it('are one incident with 500 occurrences, told to its workflow once a batch', async () => {
    const error = unique('full');
    const { rows } = await on.database.pool.query<{ id: string }>(
      `WITH agents AS (
         INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
           presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
         SELECT uuid7(), 'many:' || n, 'many-' || n, 'h' || n, 'linux', '', '1', 'ONLINE', 0, now(), '{}', '{}', now(), now()
         FROM generate_series(1, 499) n RETURNING id
       ), tasks AS (
         INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id,
           created_by, created_at, completed_at, error_message)
         SELECT uuid7(), id, 'DEPLOY', 'FAILED', '{"package_name": "app"}', 60, 3, 'bulk', 'test', now(), now(),
           $1 || ' on host ' || id || ' after ' || (random() * 1000)::int || ' ms' FROM agents RETURNING id
       )
       INSERT INTO incident_inbox SELECT id, now() FROM tasks RETURNING task_id AS id`,
      [error],
    );
    expect(rows).toHaveLength(499);
    await on.trouble.fail(`${error} on host 01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01 after 3 ms`);
    expect(await on.trouble.incidents.collect()).toBe(500);
    const id = await on.trouble.collected();
    expect(await on.trouble.show(id)).toMatchObject({
      occurrence_count: 500,
      device_count: 500,
      status: 'OPENED',
    });
    expect((await on.trouble.incidents.leaseUntold(50)).filter((due) => due.id === id)).toHaveLength(1);
    await on.trouble.incidents.settleTold([id]);
    // Further ones join it, and its workflow is told minutes later.
    await on.trouble.fail(`${error} on host 9 after 9 ms`);
    await on.trouble.collected();
    expect(await on.trouble.show(id)).toMatchObject({ occurrence_count: 501, device_count: 501 });
    expect(await on.trouble.incidents.leaseUntold(50)).toEqual([]);
    await on.database.setClock(301);
    expect(await on.trouble.incidents.leaseUntold(50)).toMatchObject([{ id }]);
    await on.trouble.incidents.settleTold([id]);
  });
});

describe('telling', () => {
  it('gives an incident to one relay at a time, and again when that one dies', async () => {
    await on.trouble.fail(unique('told'));
    const id = await on.trouble.collected();
    expect(await on.trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 1 }]);
    expect(await on.trouble.incidents.leaseUntold(50)).toEqual([]);
    await on.database.setClock(11);
    expect(await on.trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 2 }]);
    await on.trouble.incidents.releaseUntold(id, 5_000);
    expect(await on.trouble.incidents.leaseUntold(50)).toEqual([]);
    await on.database.setClock(17);
    expect(await on.trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 3 }]);
    await on.trouble.incidents.settleTold([id]);
    await on.trouble.incidents.settleTold([]);
    await on.database.setClock(60);
    expect(await on.trouble.incidents.leaseUntold(50)).toEqual([]);
  });

  it('what happens while a workflow is being told is told afterwards', async () => {
    const { id } = await on.trouble.waiting();
    await on.trouble.incidents.leaseUntold(50);
    await on.trouble.incidents.reject(id, 'no', DECIDER);
    expect(await on.trouble.incidents.leaseUntold(50)).toEqual([]);
    await on.trouble.incidents.settleTold([id]);
    expect(await on.trouble.incidents.leaseUntold(50)).toMatchObject([{ id }]);
    await on.trouble.incidents.settleTold([id]);
  });
});

describe('windows', () => {
  it('a failure that comes back reopens its incident within the window, and opens another in the next', async () => {
    const error = unique('returns');
    const { id } = await on.trouble.waiting(1, error);
    await on.trouble.approve(id);
    await on.trouble.heal(id);
    expect(await on.trouble.show(id)).toMatchObject({ status: 'CLOSED', outcome: 'RESOLVED' });
    await on.trouble.fail(error);
    await on.trouble.collected();
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'OPENED',
      outcome: null,
      occurrence_count: 2,
      preselected_suggestion_id: null,
    });
    await on.trouble.analysed(id);
    await on.trouble.incidents.reject(id, 'known', DECIDER);
    await on.trouble.fail(error);
    await on.trouble.collected();
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'CLOSED',
      outcome: 'REJECTED',
      occurrence_count: 3,
    });
    await on.database.setClock(86_400);
    await on.trouble.fail(error);
    const next = await on.trouble.collected();
    expect(next).not.toBe(id);
    expect(await on.trouble.show(next)).toMatchObject({
      status: 'OPENED',
      occurrence_count: 1,
      fingerprint: (await on.trouble.show(id)).fingerprint,
    });
  });

  it('one that is still open is joined, however old it is', async () => {
    const error = unique('stays');
    const { id } = await on.trouble.waiting(1, error);
    await on.database.setClock(200_000);
    await on.trouble.fail(error);
    await on.trouble.collected();
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 2 });
  });
});
