import { deploymentWorkflowId } from '../../contracts/temporal.ts';
import { ring } from '../db/support/rollout.ts';
import { DAY, DeploymentStage } from './support/deployment-stage.ts';

let stage: DeploymentStage;
beforeAll(async () => {
  stage = await DeploymentStage.start();
});
afterAll(() => stage?.stop());
beforeEach(() => stage.reset());

it('rolls back by itself, and again when an operator says so long after its workflow has ended', async () => {
  const id = await stage.created({
    rings: [ring('all', { rest: true }, { gates: { max_failures: { count: 0 } } })],
  });
  await stage.decide(id, 'approve');
  await stage.workUntil(
    id,
    async () => (await stage.status(id)) === 'ROLLING_BACK',
    () => ({ fail: 'broken', kind: 'install' }),
  );
  await stage.workUntil(id, async () => (await stage.status(id)) === 'ROLLED_BACK');
  expect(await stage.handle(id).result()).toMatchObject({ status: 'ROLLED_BACK' });

  const done = await stage.created();
  await stage.decide(done, 'approve');
  await stage.workUntil(done, async () => (await stage.status(done)) === 'COMPLETED');
  await stage.handle(done).result();
  await stage.plane.pass(30 * DAY);
  await stage.say(done, 'roll_back');
  await stage.workUntil(done, async () => (await stage.status(done)) === 'ROLLED_BACK');
  expect(await stage.rollouts.devices(done, 'ROLLED_BACK')).toHaveLength(2);
}, 120_000);

it('workers that die with every second answer lose nothing and double nothing', async () => {
  stage.losesAnswers = true;
  const id = await stage.created(
    { rings: [ring('some', { count: 3 }), ring('all', { rest: true })], max_in_flight: 2 },
    8,
  );
  await stage.decide(id, 'approve');
  await stage.workUntil(id, async () => (await stage.status(id)) === 'COMPLETED');
  const { rows } = await stage.database.pool.query<{ tasks: number; agents: number }>(
    `SELECT count(*) AS tasks, count(DISTINCT agent_id) AS agents FROM agent_task WHERE created_by = $1`,
    [deploymentWorkflowId(id)],
  );
  expect(rows).toEqual([{ tasks: 8, agents: 8 }]);
  const moves = await stage.rollouts.audited(id, 'deployment.ring');
  expect(moves).toHaveLength(4);
  expect(await stage.rollouts.audited(id, 'deployment.complete')).toHaveLength(1);
  expect(await stage.handle(id).result()).toMatchObject({ status: 'COMPLETED' });
}, 120_000);
