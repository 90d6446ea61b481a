import { lookAt } from '../../activities/deployment/look.ts';
import { createDeploymentSchema } from '../../contracts/deployment/deployment.ts';
import { RolloutStore } from '../../db/stores/deployment/rollout-store.ts';
import { OPERATOR } from '../db/support/fleet.ts';
import { overtaken } from '../db/support/overtaken.ts';
import { APPROVER, Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;

async function open(threshold: string): Promise<void> {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: threshold });
  rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
}
afterEach(() => database?.dispose());

const say = (id: string, word: 'pause' | 'resume' | 'abort' | 'roll_back') =>
  database.stores.deployments.say(id, word, { actor: OPERATOR, reason: '', correlationId: 'test' });
const approve = (id: string) =>
  database.stores.deployments.decide(id, { decision: 'approve', comment: '' }, APPROVER, 'test');
const version = (name: string) => rollouts.pipeline({ version: name });

describe('A second deployment of a package on the same devices', () => {
  beforeEach(() => open('101'));

  it('does not begin while the first is under way, paused or rolled back', async () => {
    await rollouts.online(2);
    const first = await rollouts.begin({ pipeline_id: await version('1.0.0') });
    const pipeline_id = await version('2.0.0');
    expect(await rollouts.create({ pipeline_id })).toMatchObject({
      kind: 'overlap',
      other: { id: first, status: 'ROLLING_OUT' },
    });
    await say(first, 'pause');
    expect(await rollouts.create({ pipeline_id })).toMatchObject({ other: { status: 'PAUSED' } });
    await say(first, 'roll_back');
    expect(await rollouts.create({ pipeline_id })).toMatchObject({ other: { status: 'ROLLING_BACK' } });
    await rollouts.settle(first);
    expect((await rollouts.show(first)).status).toBe('ROLLED_BACK');
    expect(await rollouts.create({ pipeline_id })).toMatchObject({ kind: 'created' });
  });

  it('begins where it reaches others, and another package does', async () => {
    await rollouts.online(1, { site: 'a' });
    await rollouts.online(1, { site: 'b' });
    const at = (site: string) => ({ selection: { tag: `site=${site}` } });
    await rollouts.begin({ pipeline_id: await version('1.0.0'), ...at('a') });
    expect(await rollouts.create({ pipeline_id: await version('2.0.0'), ...at('b') })).toMatchObject({
      kind: 'created',
    });
    expect(await rollouts.create({ pipeline_id: await version('2.0.0') })).toMatchObject({ kind: 'overlap' });
    const other = await rollouts.pipeline({ name: 'other' });
    expect(await rollouts.create({ pipeline_id: other })).toMatchObject({ kind: 'created' });
  });

  it('does not begin where both reach only devices that are still to come', async () => {
    const request = { plan: { late_joiners: true }, selection: { tag: 'site=new' } };
    await rollouts.begin({ pipeline_id: await version('1.0.0'), ...request });
    expect(await rollouts.create({ pipeline_id: await version('2.0.0'), ...request })).toMatchObject({
      kind: 'overlap',
    });
  });

  it.each([1, 2, 3])('one of many at once begins, whichever comes first (round %i)', async () => {
    await rollouts.online(3);
    const pipelines = await Promise.all(['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0'].map(version));
    const made = await Promise.all(pipelines.map((pipeline_id) => rollouts.create({ pipeline_id })));
    expect(made.map(({ kind }) => kind).sort()).toEqual(['created', ...Array(5).fill('overlap')]);
  });

  it.each([1, 2, 3])('of one request that is said many times at once one is made (round %i)', async () => {
    await rollouts.online(3);
    const request = createDeploymentSchema.parse({
      pipeline_id: await version('1.0.0'),
      plan: { rings: [ring('all', { rest: true })] },
    });
    const origin = { actor: OPERATOR, correlationId: 'test', idempotencyKey: 'once' };
    const said = await Promise.all(
      Array.from({ length: 4 }, () => database.stores.deployments.create(request, origin)),
    );
    expect(said.map(({ kind }) => kind).sort()).toEqual(['created', 'existing', 'existing', 'existing']);
  });

  it('keeps the first from being rolled back under it', async () => {
    await rollouts.online(1);
    const first = await rollouts.begin({ pipeline_id: await version('1.0.0') });
    await rollouts.settle(first);
    await rollouts.work(first);
    await rollouts.settle(first);
    const second = await rollouts.begin({ pipeline_id: await version('2.0.0') });
    expect(await say(first, 'roll_back')).toMatchObject({ kind: 'overlap', other: { id: second } });
    await say(second, 'abort');
    expect(await say(first, 'roll_back')).toMatchObject({ kind: 'moved' });
  });

  it('gets no device on which the first has a task: looks that are taken at once take turns', async () => {
    // Devices that come to fit both: the choices reach different ones when the deployments begin.
    const late = { late_joiners: true };
    const rings = [ring('all', { rest: true }, { soak_seconds: 86_400 })];
    await rollouts.online(1, { a: '1' });
    await rollouts.online(1, { b: '1' });
    const begin = async (tag: string, name: string) =>
      rollouts.begin({
        pipeline_id: await version(name),
        selection: { tag },
        plan: { ...late, rings },
      });
    const one = await begin('a=1', '1.0.0');
    const two = await begin('b=1', '2.0.0');
    for (const id of [one, two]) await rollouts.settle(id);
    const both = await rollouts.online(20, { a: '1', b: '1' });
    await rollouts.pass(20);
    // The other look has begun before the first one ends, and sees whom that has asked.
    await overtaken(
      database,
      (pool) => new RolloutStore(pool).look(one, lookAt),
      () => rollouts.look(two),
    );
    const atWork = async () => {
      const { rows } = await database.pool.query<{ agent_id: string; tasks: number }>(
        `SELECT agent_id, count(*) AS tasks FROM deployment_device WHERE state = 'DISPATCHED' GROUP BY 1`,
      );
      return rows;
    };
    const busy = await atWork();
    expect(busy.filter(({ agent_id }) => both.includes(agent_id))).toHaveLength(20);
    expect(busy.every(({ tasks }) => Number(tasks) === 1)).toBe(true);
    const [taken] = both;
    await expect(
      database.pool.query(`UPDATE deployment_device SET state = 'DISPATCHED' WHERE agent_id = $1`, [taken]),
    ).rejects.toMatchObject({ constraint: 'deployment_device_at_work' });
    // Once the one is done the other gets its turn.
    for (const id of [one, two]) await rollouts.work(id);
    // Whichever was first: the other one is looked at again after it has settled.
    for (const id of [one, two, one]) await rollouts.settle(id);
    expect((await atWork()).filter(({ agent_id }) => both.includes(agent_id))).toHaveLength(20);
  });
});

describe('Of two that wait for a decision', () => {
  beforeEach(() => open('0'));

  it('one can be approved at a time', async () => {
    await rollouts.online(1);
    const ids: string[] = [];
    for (const name of ['1.0.0', '2.0.0']) {
      const made = await rollouts.create({ pipeline_id: await version(name) });
      if (made.kind !== 'created') throw new Error(made.kind);
      ids.push(made.deployment.id);
    }
    const answers = await Promise.all(ids.map(approve));
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['decided', 'overlap']);
    const refused = ids[answers.findIndex(({ kind }) => kind === 'overlap')] ?? '';
    expect((await rollouts.show(refused)).status).toBe('AWAITING_APPROVAL');
    // To reject it is always possible.
    const no = { decision: 'reject' as const, comment: '' };
    expect(await database.stores.deployments.decide(refused, no, APPROVER, 'test')).toMatchObject({
      kind: 'decided',
    });
  });
});
