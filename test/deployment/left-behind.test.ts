import * as overlap from '../../db/migrations/0007-deployment-overlap.ts';
import { OPERATOR } from '../db/support/fleet.ts';
import { Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const DAY = 86_400;
let database: TestDatabase;
let rollouts: Rollouts;
beforeEach(async () => {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
});
afterEach(() => database?.dispose());

const say = (id: string, word: 'resume' | 'roll_back') =>
  database.stores.deployments.say(id, word, { actor: OPERATOR, reason: '', correlationId: 'test' });
const version = (name: string, more: object = {}) => rollouts.pipeline({ version: name, ...more });
/** As a package of which a worker of before did not note who signed it. */
const forgetSigners = () => database.pool.query('DELETE FROM signing_key');

describe('A device that was out of reach when a rollback was settled', () => {
  async function leftBehind(): Promise<{ first: string; away: string }> {
    const [here = '', away = ''] = await rollouts.online(2);
    const first = await rollouts.begin({ pipeline_id: await version('1.0.0') });
    await rollouts.settle(first);
    await rollouts.work(first);
    await rollouts.settle(first);
    await rollouts.pass(DAY);
    await rollouts.fleet.heartbeat(here);
    await rollouts.fleet.expire();
    await say(first, 'roll_back');
    await rollouts.settle(first);
    await rollouts.work(first, ({ agent_id }) => (agent_id === away ? 'ignore' : 'install'));
    await rollouts.pass(9 * DAY);
    await rollouts.fleet.heartbeat(here);
    await rollouts.fleet.expire();
    expect(await rollouts.settle(first)).toMatchObject({
      status: 'ROLLED_BACK',
      ended: true,
      devices: { ROLLED_BACK: 1, ROLLING_BACK: 1 },
    });
    return { first, away };
  }

  it('gets the next version once it has gone back', async () => {
    const { first, away } = await leftBehind();
    const second = await rollouts.begin({ pipeline_id: await version('2.0.0') });
    await rollouts.settle(second);
    expect(await rollouts.devices(second, 'DISPATCHED')).toHaveLength(1);
    // It returns, and has first to go back.
    await rollouts.fleet.heartbeat(away);
    await rollouts.settle(second);
    expect(await rollouts.devices(second, 'WAITING')).toMatchObject([{ agent_id: away }]);
    await rollouts.work(first);
    await rollouts.settle(second);
    expect((await rollouts.devices(second, 'DISPATCHED')).map(({ agent_id }) => agent_id)).toContain(away);
    expect(await rollouts.devices(first, 'ROLLED_BACK')).toHaveLength(2);
  });

  it('is told as it went by the next reminder, and as failed when its task is not known any more', async () => {
    const { first } = await leftBehind();
    await database.stores.deployments.rollout.remind();
    expect(await rollouts.devices(first, 'ROLLING_BACK')).toHaveLength(1);
    await database.pool.query(
      `DELETE FROM agent_task t USING deployment_device d WHERE d.rollback_task_id = t.id AND d.state = 'ROLLING_BACK'`,
    );
    await database.stores.deployments.rollout.remind();
    expect(await rollouts.devices(first, 'ROLLBACK_FAILED')).toHaveLength(1);
  });
});

describe('A package whose signer is not known', () => {
  it.each(['deb', 'rpm'] as const)('pauses a ring that is under way, with what to do: %s', async (format) => {
    await rollouts.online(3);
    const plan = { max_in_flight: 1 };
    const pipeline_id = await version('1.0.0', { format });
    const id = await rollouts.begin({ pipeline_id, plan });
    await rollouts.settle(id);
    await rollouts.work(id);
    await forgetSigners();
    for (let round = 0; round < 2; round += 1) {
      expect(await rollouts.settle(id)).toMatchObject({
        status: 'PAUSED',
        devices: { INSTALLED: 1, WAITING: 2 },
      });
      expect((await rollouts.show(id)).reason).toMatch(
        new RegExp(
          `^Ring all may not go on: the key that signed it is not known here.*build the package anew \\(eucora packages retry ${pipeline_id}\\)`,
        ),
      );
      await say(id, 'resume');
    }
  });

  it('begins no ring', async () => {
    await rollouts.online(2);
    const plan = { rings: [ring('one', { count: 1 }), ring('all', { rest: true })] };
    const id = await rollouts.begin({ pipeline_id: await version('1.0.0'), plan });
    await forgetSigners();
    expect(await rollouts.settle(id)).toMatchObject({ status: 'PAUSED' });
    expect((await rollouts.show(id)).reason).toMatch(/^Ring one may not begin: the key/);
  });

  it('is nothing that a rollback could go back to: devices say so, and the rollback ends', async () => {
    await rollouts.online(2);
    await version('1.0.0');
    const id = await rollouts.begin({ pipeline_id: await version('2.0.0') });
    await rollouts.settle(id);
    await rollouts.work(id);
    await rollouts.settle(id);
    await forgetSigners();
    await say(id, 'roll_back');
    expect(await rollouts.settle(id)).toMatchObject({
      status: 'ROLLED_BACK',
      devices: { ROLLBACK_FAILED: 2 },
    });
    const [device] = await rollouts.devices(id);
    expect(device?.reason).toMatch(/^No way back to tool 1\.0\.0: the key that signed it is not known/);
  });
});

it('Late joiners wait while the package may not be installed, and get it when it may again', async () => {
  await rollouts.online(1);
  const exception = await rollouts.exception(3_600);
  const plan = { late_joiners: true };
  const id = await rollouts.begin({ pipeline_id: await version('1.0.0', { exceptions: [exception] }), plan });
  await rollouts.settle(id);
  await rollouts.work(id);
  expect(await rollouts.settle(id)).toMatchObject({ status: 'COMPLETED' });
  await rollouts.pass(3_601);
  const [late = ''] = await rollouts.online(1);
  expect(await rollouts.settle(id)).toMatchObject({ devices: { INSTALLED: 1, WAITING: 1 } });
  expect((await rollouts.show(id)).reason).toMatch(
    /^Late joiners wait: the policy's decision rests on exceptions/,
  );
  await rollouts.exception(DAY);
  await rollouts.settle(id);
  expect(await rollouts.devices(id, 'DISPATCHED')).toMatchObject([{ agent_id: late }]);
  expect((await rollouts.show(id)).reason).toBe('All rings have passed');
});

it('Of two deployments at work on a device before there was a rule, the older one’s task is cancelled', async () => {
  const [agent = ''] = await rollouts.online(1);
  const older = await rollouts.begin({
    pipeline_id: await version('1.0.0'),
    selection: { tag: 'none=1' },
    plan: { late_joiners: true },
  });
  const newer = await rollouts.begin({ pipeline_id: await version('2.0.0') });
  await rollouts.settle(newer);
  const olderTask = await rollouts.fleet.task(agent);
  await database.pool.query(
    'DROP INDEX deployment_device_at_work; ALTER TABLE deployment_intent DROP COLUMN joiners_stopped_at; ALTER TABLE deployment_device DROP COLUMN package_name',
  );
  await database.pool.query(
    `INSERT INTO deployment_device (deployment_id, agent_id, ring, state, sort, joined_at, task_id, dispatched_at)
     VALUES ($1, $2, 0, 'DISPATCHED', 1, now(), $3, now())`,
    [older, agent, olderTask],
  );
  await database.pool.query('DELETE FROM agent_task_outbox');
  await database.pool.query(overlap.up);
  expect(await rollouts.devices(older)).toMatchObject([{ state: 'FAILED', failure_kind: 'cancelled' }]);
  const [kept] = await rollouts.devices(newer, 'DISPATCHED');
  expect((await rollouts.fleet.find(kept?.task_id ?? '')).status).toBe('PENDING');
  expect((await rollouts.fleet.find(olderTask)).status).toBe('CANCELLED');
  const { rows } = await database.pool.query('SELECT task_id, version FROM agent_task_outbox');
  expect(rows).toEqual([{ task_id: olderTask, version: 2 }]);
  expect(await rollouts.audited(olderTask, 'agent_task.cancel')).toMatchObject([
    { after: { status: 'CANCELLED' }, actor_type: 'system', actor_id: 'migration' },
  ]);
});
