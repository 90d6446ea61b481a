import { OPERATOR } from '../db/support/fleet.ts';
import { APPROVER, Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;
beforeEach(async () => {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
});
afterEach(() => database?.dispose());

const say = (id: string, word: 'pause' | 'resume' | 'abort' | 'roll_back', reason = '') =>
  database.stores.deployments.say(id, word, { actor: OPERATOR, reason, correlationId: 'test' });
const now = async () =>
  (await database.pool.query<{ now: Date }>('SELECT now() AS now')).rows[0]?.now ?? new Date(0);
const hear = async (agents: readonly string[]) => {
  for (const agent of agents) await rollouts.fleet.heartbeat(agent);
};

describe('an operator', () => {
  it('pauses during the soak: nothing moves on until it is resumed', async () => {
    const agents = await rollouts.online(4);
    const plan = { rings: [ring('one', { count: 1 }, { soak_seconds: 600 }), ring('all', { rest: true })] };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    await rollouts.settle(id);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({ ring_state: 'SOAKING' });
    expect((await say(id, 'pause', 'somebody called')).kind).toBe('moved');
    await rollouts.pass(3_600);
    await hear(agents);
    const paused = await rollouts.settle(id);
    expect(paused).toMatchObject({ status: 'PAUSED', ended: false, ring_state: 'SOAKING' });
    expect(paused.reason).not.toContain('somebody');
    expect(await rollouts.show(id)).toMatchObject({ reason: 'Paused by test-operator: somebody called' });
    expect((await say(id, 'pause')).kind).toBe('refused');
    await say(id, 'resume');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_OUT', ring: { name: 'all' } });
  });

  it('pauses: tasks that no agent has begun are taken back, those at work end', async () => {
    await rollouts.online(3);
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
    await rollouts.settle(id);
    const [busy] = await rollouts.devices(id, 'DISPATCHED');
    await rollouts.fleet.heartbeat(busy?.agent_id ?? '');
    const { tasks } = database.stores;
    await tasks.takeWord(busy?.task_id ?? '', busy?.agent_id ?? '', { word: 'start' }, 'test');
    await say(id, 'pause');
    expect(await rollouts.settle(id)).toMatchObject({ devices: { WAITING: 2, DISPATCHED: 1 } });
    await tasks.takeWord(busy?.task_id ?? '', busy?.agent_id ?? '', { word: 'complete', result: {} }, 'test');
    expect(await rollouts.settle(id)).toMatchObject({ devices: { WAITING: 2, INSTALLED: 1 } });
    await say(id, 'resume');
    await rollouts.settle(id);
    expect(await rollouts.devices(id, 'DISPATCHED')).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
  });

  it('aborts: what waits is left alone, what is installed stays', async () => {
    await rollouts.online(3);
    const plan = { rings: [ring('one', { count: 1 }), ring('all', { rest: true })] };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    await rollouts.settle(id);
    await rollouts.work(id);
    await rollouts.settle(id);
    await say(id, 'abort', 'wrong version');
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'ABORTED',
      ended: true,
      devices: { INSTALLED: 1, WAITING: 2 },
    });
    expect((await say(id, 'resume')).kind).toBe('refused');
  });

  it('rolls back what was completed', async () => {
    await rollouts.online(2);
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
    await rollouts.settle(id);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'COMPLETED' });
    await say(id, 'roll_back');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_BACK', devices: { ROLLING_BACK: 2 } });
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLED_BACK', devices: { ROLLED_BACK: 2 } });
  });

  it('lets a ring go on that did not pass by itself', async () => {
    await rollouts.online(4);
    const gates = { max_failures: { percent: 100 }, success_percent: 90 };
    const plan = { rings: [ring('one', { count: 2 }, { gates }), ring('all', { rest: true })] };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    await rollouts.settle(id);
    const [bad] = await rollouts.devices(id, 'DISPATCHED');
    await rollouts.work(id, ({ agent_id }) =>
      agent_id === bad?.agent_id ? { fail: 'x', kind: 'install' } : 'install',
    );
    expect(await rollouts.settle(id)).toMatchObject({ status: 'PAUSED' });
    expect((await rollouts.show(id)).reason).toMatch(/Ring one did not pass: 1 of 2 devices installed; 90 %/);
    await say(id, 'resume');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_OUT', ring: { name: 'all' } });
    const rings = await database.stores.deployments.rings(id);
    expect(rings?.[0]?.reason).toMatch(/an operator let it go on/);
  });
});

describe('tasks are given out', () => {
  it('within the window of each device’s own zone', async () => {
    const at = await now();
    const hour = (offset: number) => `${String((at.getUTCHours() + offset + 48) % 24).padStart(2, '0')}:00`;
    const [here = ''] = await rollouts.online(1, { timezone: 'UTC' });
    const [there = ''] = await rollouts.online(1, { timezone: 'Asia/Tokyo' });
    const [nowhere = ''] = await rollouts.online(1, { timezone: 'Mars/Phobos' });
    const plan = { windows: [{ from: hour(9), to: hour(11) }], time_zone: 'UTC' };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    const first = await rollouts.settle(id);
    // Nine hours ahead of UTC, Tokyo is within it now.
    expect((await rollouts.devices(id, 'DISPATCHED')).map(({ agent_id }) => agent_id)).toEqual([there]);
    expect(first.reason).toMatch(/outside the maintenance window in .*UTC/);
    const opens = (first.due_in_ms ?? 0) / 1_000;
    expect(opens).toBeGreaterThan(8 * 3_600 - 60);
    expect(opens).toBeLessThanOrEqual(9 * 3_600);
    await rollouts.pass(opens - 1);
    await hear([here, there, nowhere]);
    await rollouts.settle(id);
    expect(await rollouts.devices(id, 'WAITING')).toHaveLength(2);
    await rollouts.pass(1);
    await rollouts.settle(id);
    expect(await rollouts.devices(id, 'WAITING')).toHaveLength(0);
  });

  it('no faster than the rate cap, and no more at once than the plan allows', async () => {
    const agents = await rollouts.online(10);
    const plan = { max_per_minute: 4, max_in_flight: 3 };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    expect(await rollouts.settle(id)).toMatchObject({ counts: { dispatched: 3, waiting: 7 } });
    await rollouts.work(id);
    const capped = await rollouts.settle(id);
    expect(capped).toMatchObject({ counts: { installed: 3, dispatched: 1, waiting: 6 }, due_in_ms: 60_000 });
    expect(capped.reason).toMatch(/at the rate cap/);
    await rollouts.work(id);
    await rollouts.settle(id);
    await rollouts.pass(61);
    await hear(agents);
    expect(await rollouts.settle(id)).toMatchObject({ counts: { installed: 4, dispatched: 3, waiting: 3 } });
  });

  it('to devices that can be reached only; a pending task of one that went silent is taken back', async () => {
    const [here = '', away = ''] = await rollouts.online(2);
    await rollouts.fleet.enrol();
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
    expect(await rollouts.settle(id)).toMatchObject({
      counts: { dispatched: 2, waiting: 1, unreachable: 1 },
    });
    await rollouts.pass(200);
    await rollouts.fleet.heartbeat(here);
    await rollouts.pass(101);
    await rollouts.fleet.expire();
    expect(await rollouts.settle(id)).toMatchObject({
      counts: { dispatched: 1, waiting: 2, unreachable: 2 },
    });
    await rollouts.fleet.heartbeat(away);
    expect(await rollouts.settle(id)).toMatchObject({ counts: { dispatched: 2, waiting: 1 } });
  });

  it('not before a ring’s offset from the base date; its deadline holds a ring with too few', async () => {
    const agents = [...(await rollouts.online(1, { first: true })), ...(await rollouts.online(1))];
    await rollouts.fleet.enrol();
    const base = await now();
    const plan = {
      rings: [
        ring('one', { tag: 'first' }),
        ring('all', { rest: true }, { starts_after_seconds: 7_200, deadline_after_seconds: 10_800 }),
      ],
    };
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan,
      base_at: base.toISOString(),
    });
    await rollouts.settle(id);
    await rollouts.work(id);
    await rollouts.settle(id);
    const rings = await database.stores.deployments.rings(id);
    expect(rings?.[1]).toMatchObject({
      state: 'WAITING',
      starts_at: new Date(base.getTime() + 7_200_000).toISOString(),
      deadline_at: new Date(base.getTime() + 10_800_000).toISOString(),
    });
    await rollouts.pass(7_200);
    await hear(agents);
    await rollouts.settle(id);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_OUT', ring: { name: 'all' } });
    await rollouts.pass(3_600);
    await hear(agents);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'PAUSED' });
    expect((await rollouts.show(id)).reason).toMatch(/deadline of the ring has passed, and 1 of 2 devices/);
  });
});

describe('late joiners', () => {
  it('get it while it runs and after its end, until a later version has taken its place', async () => {
    await rollouts.online(2);
    const plan = { late_joiners: true };
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    await rollouts.settle(id);
    const [late = ''] = await rollouts.online(1);
    await rollouts.pass(10);
    await rollouts.settle(id);
    expect((await rollouts.devices(id, 'DISPATCHED')).map(({ agent_id }) => agent_id)).toContain(late);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'COMPLETED',
      ended: false,
      patience_ms: 300_000,
    });
    const [later = ''] = await rollouts.online(1);
    await rollouts.settle(id);
    expect(await rollouts.devices(id, 'DISPATCHED')).toMatchObject([{ agent_id: later }]);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({ devices: { INSTALLED: 4 } });
    const next = await rollouts.begin({ pipeline_id: await rollouts.pipeline({ version: '2.0.0' }) });
    expect((await rollouts.show(next)).previous_pipeline_id).toBe((await rollouts.show(id)).pipeline_id);
    await rollouts.settle(next);
    await rollouts.work(next);
    expect(await rollouts.settle(next)).toMatchObject({ status: 'COMPLETED', ended: true });
    expect(await rollouts.settle(id)).toMatchObject({ status: 'SUPERSEDED', ended: true });
  });

  describe('after its end', () => {
    const gates = { max_failures: { count: 1 } };
    const plan = { late_joiners: true, rings: [ring('all', { rest: true }, { soak_seconds: 600, gates })] };
    const completed = async (): Promise<string> => {
      const agents = await rollouts.online(3);
      const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
      await rollouts.settle(id);
      await rollouts.work(id);
      await rollouts.settle(id);
      await rollouts.pass(601);
      await hear(agents);
      expect(await rollouts.settle(id)).toMatchObject({ status: 'COMPLETED', ended: false });
      await rollouts.pass(1);
      return id;
    };

    it('are watched for their own soak: who gets sick is not counted as installed', async () => {
      const id = await completed();
      const early = (await rollouts.devices(id)).map(({ agent_id }) => agent_id);
      const [late = ''] = await rollouts.online(1);
      await rollouts.settle(id);
      await rollouts.work(id);
      expect((await rollouts.settle(id)).patience_ms).toBe(30_000);
      await rollouts.fleet.heartbeat(late, { status: 'DEGRADED' });
      // Those of the rollout itself have passed their gates; what becomes of them now has other reasons.
      await rollouts.fleet.heartbeat(early[0] ?? '', { status: 'DEGRADED' });
      await rollouts.pass(60);
      expect(await rollouts.settle(id)).toMatchObject({
        status: 'COMPLETED',
        ended: false,
        devices: { INSTALLED: 3, SICK: 1 },
      });
      expect(await rollouts.devices(id, 'SICK')).toMatchObject([
        { agent_id: late, reason: 'The agent became DEGRADED after the install' },
      ]);
      // One is within the limit, so that the next one still gets it; and is left alone after its soak.
      const [next = ''] = await rollouts.online(1);
      await rollouts.settle(id);
      await rollouts.work(id);
      await rollouts.settle(id);
      await rollouts.pass(601);
      await rollouts.fleet.heartbeat(next, { status: 'DEGRADED' });
      expect(await rollouts.settle(id)).toMatchObject({
        devices: { INSTALLED: 4, SICK: 1 },
        patience_ms: 300_000,
      });
    });

    it('get it no more once too many of them have failed, and the audit says so', async () => {
      const id = await completed();
      await rollouts.online(2);
      await rollouts.settle(id);
      await rollouts.work(id, () => ({ fail: 'no room', kind: 'install' }));
      await rollouts.online(1);
      const stopped = await rollouts.settle(id);
      expect(stopped).toMatchObject({
        status: 'COMPLETED',
        ended: true,
        devices: { INSTALLED: 3, FAILED: 2 },
      });
      const { reason } = await rollouts.show(id);
      expect(reason).toMatch(
        /^Late joiners get it no more: 2 of 2 devices failed \(2\) or became sick \(0\); more than 1$/,
      );
      expect(await rollouts.audited(id, 'deployment.stop_joiners')).toMatchObject([{ after: { reason } }]);
      // Not even when somebody has it look once more.
      await database.stores.deployments.rollout.remind();
      await rollouts.settle(id);
      expect(await rollouts.devices(id)).toHaveLength(5);
    });
  });

  it('do not get what does not ask for them', async () => {
    await rollouts.online(1);
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
    await rollouts.settle(id);
    await rollouts.online(1);
    await rollouts.pass(20);
    await rollouts.settle(id);
    expect(await rollouts.devices(id)).toHaveLength(1);
  });
});

describe('the policy’s decision', () => {
  it('is looked at again before each ring: an exception that ended meanwhile pauses the rollout', async () => {
    const agents = await rollouts.online(4);
    const exception = await rollouts.exception(7_200);
    const pipeline_id = await rollouts.pipeline({ exceptions: [exception] });
    const plan = {
      rings: [
        ring('one', { count: 1 }, { soak_seconds: 3_600 }),
        ring('two', { count: 1 }, { soak_seconds: 3_600 }),
        ring('all', { rest: true }),
      ],
    };
    const id = await rollouts.begin({ pipeline_id, plan });
    await rollouts.settle(id);
    for (let round = 0; round < 2; round += 1) {
      await rollouts.work(id);
      await rollouts.settle(id);
      await rollouts.pass(3_601);
      await hear(agents);
      await rollouts.settle(id);
    }
    expect(await rollouts.show(id)).toMatchObject({
      status: 'PAUSED',
      reason: `Ring all may not begin: the policy's decision rests on exceptions that no longer hold: ${exception} has expired`,
    });
    await say(id, 'resume');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'PAUSED' });
    await rollouts.exception(86_400);
    await say(id, 'resume');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_OUT', ring: { name: 'all' } });
  });

  it('must hold when a deployment is made', async () => {
    await rollouts.online(1);
    const exception = await rollouts.exception(3_600);
    await database.stores.policyExceptions.revoke(exception, APPROVER, 'test');
    const pipeline_id = await rollouts.pipeline({ exceptions: [exception] });
    expect(await rollouts.create({ pipeline_id })).toMatchObject({
      kind: 'lapsed',
      reason: expect.stringMatching(/was revoked/),
    });
  });
});

it('a worker that dies within a look leaves nothing half done, and two looks at once give each device one task', async () => {
  await rollouts.online(20);
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
  const { rollout } = database.stores.deployments;
  const dying = rollout.look(id, async (look) => {
    await look.begin();
    const [first] = await look.rings();
    if (first !== undefined) await look.moveRing(first, 'ROLLING', 'test');
    await look.dispatch({ ring: 0, zones: ['UTC'], limit: 10 });
    throw new Error('the worker dies');
  });
  await expect(dying).rejects.toThrow('the worker dies');
  expect(await rollouts.devices(id)).toEqual([]);
  expect((await rollouts.show(id)).started_at).toBeNull();
  await Promise.all(Array.from({ length: 6 }, () => rollouts.look(id)));
  await rollouts.settle(id);
  const { rows } = await database.pool.query<{ tasks: number; agents: number; noted: number }>(
    `SELECT count(*) AS tasks, count(DISTINCT agent_id) AS agents, (SELECT count(*) FROM agent_task_outbox) AS noted FROM agent_task`,
  );
  expect(rows).toEqual([{ tasks: 20, agents: 20, noted: 20 }]);
});
