import { deployPayload } from '../../contracts/agent-task/payload.ts';
import { OPERATOR } from '../db/support/fleet.ts';
import { APPROVER, Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;
beforeEach(async () => {
  // Each story has a fleet of its own.
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
});
afterEach(() => database?.dispose());

const three = {
  rings: [
    ring('canary', { count: 2 }, { soak_seconds: 3_600 }),
    ring('early', { percent: 30 }, { soak_seconds: 3_600 }),
    ring('all', { rest: true }),
  ],
};

/** Hears all devices, so that nobody is silent. */
async function hear(agents: readonly string[]): Promise<void> {
  for (const agent of agents) await rollouts.fleet.heartbeat(agent);
}

it('goes ring by ring: fills, soaks, passes, and completes', async () => {
  const agents = await rollouts.online(10);
  const pipeline_id = await rollouts.pipeline();
  const id = await rollouts.begin({ pipeline_id, plan: three });
  expect((await rollouts.settle(id)).counts).toMatchObject({ waiting: 0, dispatched: 2 });
  expect(await rollouts.rings(id)).toEqual(['ROLLING', 'WAITING', 'WAITING']);
  expect(await rollouts.work(id)).toBe(2);
  const soaking = await rollouts.settle(id);
  expect(soaking).toMatchObject({ status: 'ROLLING_OUT', ring_state: 'SOAKING', due_in_ms: 3_600_000 });
  await rollouts.pass(3_599);
  await hear(agents);
  expect((await rollouts.settle(id)).ring).toMatchObject({ name: 'canary', position: 1, of: 3 });
  await rollouts.pass(1);
  expect((await rollouts.settle(id)).ring).toMatchObject({ name: 'early' });
  expect(await rollouts.work(id)).toBe(3);
  await rollouts.settle(id);
  await rollouts.pass(3_600);
  await hear(agents);
  await rollouts.settle(id);
  expect(await rollouts.work(id)).toBe(5);
  const done = await rollouts.settle(id);
  expect(done).toMatchObject({ status: 'COMPLETED', ended: true, devices: { INSTALLED: 10 } });
  expect(await rollouts.rings(id)).toEqual(['PASSED', 'PASSED', 'PASSED']);
  const { rows } = await database.pool.query(
    `SELECT payload, created_by, correlation_id FROM agent_task LIMIT 1`,
  );
  // The agent reads it by the same contract.
  expect(deployPayload.safeParse(rows[0]?.payload).success).toBe(true);
  expect(rows[0]).toMatchObject({
    created_by: `deployment/${id}`,
    correlation_id: 'test',
    payload: {
      action: 'install',
      package_name: 'tool',
      package_version: '1.0.0-1',
      format: 'deb',
      artifact: { size_bytes: 1_000, name: 'p' },
      signature: { trusted_keys: ['key of tool'] },
      deployment_intent: id,
    },
  });
  const moves = (await rollouts.audited(id, 'deployment.ring')).map(
    ({ after }) => `${after?.['ring']} ${after?.['state']}`,
  );
  expect(moves.reverse().slice(0, 4)).toEqual([
    'canary ROLLING',
    'canary SOAKING',
    'canary PASSED',
    'early ROLLING',
  ]);
});

it('does in one look all that can be done at once: nobody waits for the next one because a ring has passed', async () => {
  await rollouts.online(3);
  const plan = { rings: [ring('canary', { count: 1 }), ring('all', { rest: true })] };
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
  expect(await rollouts.look(id)).toMatchObject({ progressed: true, devices: { DISPATCHED: 1, WAITING: 2 } });
  await rollouts.work(id);
  expect(await rollouts.look(id)).toMatchObject({
    ...{ progressed: true, ring: { name: 'all' }, devices: { INSTALLED: 1, DISPATCHED: 2 } },
  });
  await rollouts.work(id);
  expect(await rollouts.look(id)).toMatchObject({ status: 'COMPLETED', ended: true, progressed: true });
});

it('looks again at once while more devices can get tasks than one look gives', async () => {
  await rollouts.online(501);
  const plan = { max_in_flight: 1_000 };
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
  expect(await rollouts.look(id)).toMatchObject({ due_in_ms: 0, devices: { DISPATCHED: 500, WAITING: 1 } });
  expect(await rollouts.look(id)).toMatchObject({ due_in_ms: null, devices: { DISPATCHED: 501 } });
});

describe('rings take', () => {
  it('tagged devices, a sample that is the same each time, and shares of all; nobody twice', async () => {
    const tagged = await rollouts.online(3, { ring: 'canary' });
    // So many that a sample of none is out of the question.
    await rollouts.online(57);
    const plan = {
      rings: [
        ring('tagged', { tag: 'ring=canary' }),
        ring('sample', { sample_percent: 40 }),
        ring('half', { percent: 50 }),
        ring('rest', { rest: true }),
      ],
    };
    const samples: string[][] = [];
    for (const version of ['1', '2']) {
      const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline({ version }), plan });
      await rollouts.look(id);
      const devices = await rollouts.devices(id);
      const of = (name: string) =>
        devices.filter((device) => device.ring === name).map(({ agent_id }) => agent_id);
      expect(of('tagged')).toEqual([...tagged].sort());
      expect(devices).toHaveLength(60);
      expect(of('half').length).toBe(Math.min(30, 57 - of('sample').length));
      samples.push(of('sample'));
      await database.stores.deployments.say(id, 'abort', {
        actor: OPERATOR,
        reason: '',
        correlationId: 'test',
      });
    }
    expect(samples[0]).toEqual(samples[1]);
    expect(samples[0]?.length).toBeGreaterThan(0);
  });

  it('only devices of the platform that fit the selection, and none that is revoked', async () => {
    const [one = '', other = ''] = await rollouts.online(2, { site: 'zurich' });
    await rollouts.online(1, { site: 'bern' });
    await rollouts.fleet.enrol({ site: 'zurich' }, { platform: 'windows' });
    await database.stores.agents.revoke(other, { type: 'operator', id: 'x' }, 'test');
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      selection: { tag: 'site=zurich' },
    });
    await rollouts.look(id);
    expect((await rollouts.devices(id)).map(({ agent_id }) => agent_id)).toEqual([one]);
  });
});

describe('failures', () => {
  const failing = (kind: string) => ({ fail: 'broken', kind });

  it('stop ring 1 and roll back what was touched to the previous version', async () => {
    const before = await rollouts.pipeline({ version: '0.9.0' });
    await rollouts.online(10);
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: { rings: [ring('canary', { count: 4 }), ring('all', { rest: true })] },
    });
    await rollouts.settle(id);
    const [first, second] = await rollouts.devices(id, 'DISPATCHED');
    await rollouts.work(id, ({ agent_id }) =>
      agent_id === first?.agent_id
        ? failing('install')
        : agent_id === second?.agent_id
          ? failing('download')
          : 'install',
    );
    const stopped = await rollouts.settle(id);
    expect(stopped).toMatchObject({
      status: 'ROLLING_BACK',
      ended: false,
      devices: { WAITING: 7, ROLLING_BACK: 3 },
    });
    expect(await rollouts.rings(id)).toEqual(['STOPPED', 'WAITING']);
    expect(await rollouts.show(id)).toMatchObject({
      previous_pipeline_id: before,
      reason: expect.stringMatching(/^Ring canary stopped the rollout: 1 of 3 devices failed/),
    });
    const { rows } = await database.pool.query(
      `SELECT t.payload FROM deployment_device d JOIN agent_task t ON t.id = d.rollback_task_id WHERE d.deployment_id = $1`,
      [id],
    );
    expect(rows.map(({ payload }) => [payload.action, payload.package_version])).toEqual(
      Array(3).fill(['install', '0.9.0-1']),
    );
    await rollouts.work(id, ({ agent_id }) => (agent_id === first?.agent_id ? { fail: 'no' } : 'install'));
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'ROLLED_BACK',
      ended: true,
      devices: { ROLLED_BACK: 2, ROLLBACK_FAILED: 1, WAITING: 7 },
    });
  });

  it.each([
    ['another failure', async (id: string) => rollouts.work(id, () => failing('download'))],
    ['an attempt that was taken back', async () => undefined],
    ['no longer fitting', async (id: string) => rollouts.work(id, () => failing('requirements'))],
  ])('take a device back that an attempt touched before %s', async (_, next) => {
    await rollouts.online(2);
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: {
        attempts: { install: 2 },
        rings: [ring('all', { rest: true }, { gates: { success_percent: 0, max_failures: { count: 2 } } })],
      },
    });
    await rollouts.settle(id);
    const [touched] = await rollouts.devices(id, 'DISPATCHED');
    await rollouts.work(id, ({ agent_id }) =>
      failing(agent_id === touched?.agent_id ? 'install' : 'download'),
    );
    await rollouts.settle(id);
    expect(await rollouts.devices(id, 'DISPATCHED')).toMatchObject([
      { agent_id: touched?.agent_id, attempts: 2 },
    ]);
    await next(id);
    await rollouts.settle(id);
    await database.stores.deployments.say(id, 'roll_back', {
      actor: OPERATOR,
      reason: '',
      correlationId: 'test',
    });
    await rollouts.settle(id);
    expect((await rollouts.devices(id, 'ROLLING_BACK')).map(({ agent_id }) => agent_id)).toEqual([
      touched?.agent_id,
    ]);
  });

  it('uninstall where there is no previous version', async () => {
    await rollouts.online(1);
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
    await rollouts.settle(id);
    await rollouts.work(id, () => failing('detection'));
    await rollouts.settle(id);
    const [device] = await rollouts.devices(id, 'ROLLING_BACK');
    expect((await rollouts.fleet.find(device?.rollback_task_id ?? '')).payload).toEqual({
      action: 'uninstall',
      package_name: 'tool',
      package_version: '1.0.0-1',
      format: 'deb',
      deployment_intent: id,
    });
  });

  it('only stop where nothing is to be rolled back by itself', async () => {
    await rollouts.online(2);
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: { automatic_rollback: false },
    });
    await rollouts.settle(id);
    await rollouts.work(id, () => failing('install'));
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'FAILED',
      ended: true,
      devices: { FAILED: 2 },
    });
    expect((await rollouts.devices(id))[0]).toMatchObject({
      failure_kind: 'install',
      reason: 'broken',
      attempts: 1,
    });
    expect(
      (
        await database.stores.deployments.say(id, 'roll_back', {
          actor: APPROVER,
          reason: 'after all',
          correlationId: 'c',
        })
      ).kind,
    ).toBe('moved');
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_BACK', devices: { ROLLING_BACK: 2 } });
  });

  it('are tried again as often as their kind allows, a device', async () => {
    const [agent = ''] = await rollouts.online(1);
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: { attempts: { download: 3 }, automatic_rollback: false },
    });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await rollouts.settle(id);
      expect(await rollouts.devices(id, 'DISPATCHED')).toMatchObject([
        { agent_id: agent, attempts: attempt },
      ]);
      await rollouts.work(id, () => failing('download'));
    }
    expect(await rollouts.settle(id)).toMatchObject({ status: 'FAILED', devices: { FAILED: 1 } });
  });

  it('of a kind that has a limit of its own stop by it', async () => {
    await rollouts.online(10);
    const gates = { max_failures: { percent: 50 }, max_failures_by_kind: { signature: { count: 0 } } };
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: { rings: [ring('all', { rest: true }, { gates })] },
    });
    await rollouts.settle(id);
    const [device] = await rollouts.devices(id, 'DISPATCHED');
    await rollouts.work(id, ({ agent_id }) =>
      agent_id === device?.agent_id ? failing('signature') : 'ignore',
    );
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLED_BACK' });
    expect((await rollouts.show(id)).reason).toMatch(/All devices that were touched/);
    expect(await rollouts.devices(id, 'WAITING')).toHaveLength(9);
  });

  it('are told apart by how their tasks ended', async () => {
    await rollouts.online(4);
    const id = await rollouts.begin({
      pipeline_id: await rollouts.pipeline(),
      plan: {
        rings: [ring('all', { rest: true }, { gates: { max_failures: { percent: 100 } } })],
        attempts: {},
      },
    });
    await rollouts.settle(id);
    const [late, lost, cancelled, unfit] = await rollouts.devices(id, 'DISPATCHED');
    const { tasks } = database.stores;
    await tasks.cancel(cancelled?.task_id ?? '', APPROVER);
    await rollouts.work(id, ({ agent_id }) =>
      agent_id === unfit?.agent_id ? { fail: 'Not for this machine', kind: 'requirements' } : 'ignore',
    );
    await rollouts.fleet.heartbeat(late?.agent_id ?? '');
    await tasks.takeWord(late?.task_id ?? '', late?.agent_id ?? '', { word: 'start' }, 'test');
    for (let round = 0; round < 4; round += 1) {
      await rollouts.fleet.heartbeat(lost?.agent_id ?? '');
      await rollouts.pass(121);
      await tasks.requeueLostHandover(lost?.task_id ?? '');
    }
    await rollouts.pass(3_600);
    await tasks.timeOut(late?.task_id ?? '');
    await rollouts.settle(id);
    const kinds = Object.fromEntries(
      (await rollouts.devices(id)).map((device) => [
        device.agent_id,
        `${device.state} ${device.failure_kind}`,
      ]),
    );
    expect([late, lost, cancelled, unfit].map((device) => kinds[device?.agent_id ?? ''])).toEqual([
      'FAILED timeout',
      'FAILED lost',
      'FAILED cancelled',
      'SKIPPED requirements',
    ]);
  });
});

describe('sick devices', () => {
  const plan = {
    rings: [
      ring('canary', { count: 2 }, { soak_seconds: 3_600, gates: { max_failures: { percent: 0 } } }),
      ring('all', { rest: true }),
    ],
  };
  const installed = async (): Promise<{ id: string; canaries: string[]; agents: string[] }> => {
    const agents = await rollouts.online(6);
    for (const agent of agents) await rollouts.measure(agent, 20, 40);
    await rollouts.pass(60);
    await hear(agents);
    const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), plan });
    await rollouts.settle(id);
    await rollouts.work(id);
    await rollouts.settle(id);
    await rollouts.pass(300);
    await hear(agents);
    return {
      id,
      agents,
      canaries: (await rollouts.devices(id, 'INSTALLED')).map(({ agent_id }) => agent_id),
    };
  };

  it.each([
    ['the processor', 60, 40, /The processor is at 60 % after the install, 20 % before/],
    ['memory', 20, 80, /The memory is at 80 % after the install, 40 % before/],
  ])('by %s stop ring 1 and are rolled back', async (_what, cpu, memory, reason) => {
    const { id, canaries } = await installed();
    await rollouts.measure(canaries[0] ?? '', cpu, memory);
    await rollouts.measure(canaries[1] ?? '', 25, 42);
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'ROLLING_BACK',
      devices: { WAITING: 4, ROLLING_BACK: 2 },
    });
    expect((await rollouts.devices(id)).filter((device) => device.reason?.match(reason))).toHaveLength(1);
    await rollouts.work(id);
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'ROLLED_BACK',
      devices: { ROLLED_BACK: 2, WAITING: 4 },
    });
  });

  it('are those who went silent or became DEGRADED', async () => {
    const { id, canaries, agents } = await installed();
    await rollouts.fleet.heartbeat(canaries[1] ?? '', { status: 'DEGRADED' });
    await rollouts.pass(200);
    await hear(agents.filter((agent) => agent !== canaries[0] && agent !== canaries[1]));
    await rollouts.fleet.heartbeat(canaries[1] ?? '', { status: 'DEGRADED' });
    await rollouts.pass(101);
    await rollouts.fleet.expire();
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_BACK' });
    const reasons = (await rollouts.devices(id, 'ROLLING_BACK')).map(({ reason }) => reason).sort();
    expect(reasons).toEqual([
      'The agent became DEGRADED after the install',
      'The agent went OFFLINE after the install',
    ]);
  });

  it('stop the rollout also after their ring has passed', async () => {
    const { id, agents, canaries } = await installed();
    await rollouts.pass(3_400);
    await hear(agents);
    expect((await rollouts.settle(id)).ring).toMatchObject({ name: 'all' });
    await rollouts.measure(canaries[0] ?? '', 99);
    await rollouts.pass(10);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_BACK' });
    expect(await rollouts.rings(id)).toEqual(['STOPPED', 'ROLLING']);
  });

  it('are not looked for more often than every ten seconds', async () => {
    const { id, canaries } = await installed();
    await rollouts.look(id);
    await rollouts.measure(canaries[0] ?? '', 99);
    expect(await rollouts.look(id)).toMatchObject({ status: 'ROLLING_OUT', counts: { sick: 0 } });
    await rollouts.pass(10);
    expect(await rollouts.settle(id)).toMatchObject({ status: 'ROLLING_BACK' });
  });
});
