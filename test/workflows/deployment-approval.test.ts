import { APPROVER, ring } from '../db/support/rollout.ts';
import { eventually } from '../harness/eventually.ts';
import { DAY, DeploymentStage } from './support/deployment-stage.ts';
import { shownOf, unwatched } from './support/history.ts';

let stage: DeploymentStage;
beforeAll(async () => {
  stage = await DeploymentStage.start();
});
afterAll(() => stage?.stop());
beforeEach(() => stage.reset());

it('waits for the CAB, reminds it, and goes through rings with their soaks when it approves', async () => {
  stage.webhook.answerWith(200);
  const id = await stage.created({
    rings: [ring('canary', { count: 1 }, { soak_seconds: DAY }), ring('all', { rest: true })],
  });
  expect((await shownOf(stage.handle(id))).summary).toMatch(/^Deployment of/);
  await eventually(async () =>
    expect(await stage.details(id)).toMatch(/\*\*AWAITING_APPROVAL\*\*.*Waits for a decision/),
  );
  await stage.plane.pass(DAY + 10);
  await eventually(async () => expect(stage.webhook.deliveries).toHaveLength(1));
  expect(JSON.parse(stage.webhook.deliveries[0]?.body ?? '')).toMatchObject({ approval_reminder: { id } });
  expect(await stage.status(id)).toBe('AWAITING_APPROVAL');
  await stage.decide(id, 'approve');
  await stage.workUntil(id, async () => (await stage.rollouts.rings(id))[0] === 'SOAKING');
  await eventually(async () => expect(await stage.details(id)).toMatch(/Ring 1 of 2, canary: SOAKING/));
  await stage.plane.pass(DAY - 60);
  expect(await stage.rollouts.rings(id)).toEqual(['SOAKING', 'WAITING']);
  await stage.plane.pass(120);
  await stage.workUntil(id, async () => (await stage.status(id)) === 'COMPLETED');
  expect(await stage.handle(id).result()).toEqual({ status: 'COMPLETED', reason: 'All rings have passed' });
  const described = await stage.handle(id).describe();
  expect(described.searchAttributes['EucoraState']).toEqual(['COMPLETED']);
  expect(await unwatched(stage.handle(id))).toEqual([]);
}, 120_000);

it('ends when nobody decides in time, and when the CAB rejects', async () => {
  const waited = await stage.created({ approval_seconds: 3 * DAY });
  const rejected = await stage.created();
  await stage.decide(rejected, 'reject');
  expect(await stage.handle(rejected).result()).toMatchObject({
    status: 'REJECTED',
    reason: expect.stringMatching(/An operator/),
  });
  await stage.plane.pass(3 * DAY - 60);
  expect(await stage.status(waited)).toBe('AWAITING_APPROVAL');
  await stage.plane.pass(120);
  expect(await stage.handle(waited).result()).toEqual({
    status: 'EXPIRED',
    reason: 'Nobody decided in time',
  });
  const late = await stage.database.stores.deployments.decide(
    waited,
    { decision: 'approve', comment: '' },
    APPROVER,
    'x',
  );
  expect(late).toEqual({ kind: 'refused', status: 'EXPIRED' });
});

it('keeps to the conditions of its approval: not before, and a pause after a ring', async () => {
  const id = await stage.created({ rings: [ring('canary', { count: 1 }), ring('all', { rest: true })] });
  const not_before = new Date((await stage.env.currentTimeMs()) + DAY * 1_000).toISOString();
  await stage.decide(id, 'approve', { not_before, pause_after_ring: 'canary', max_per_minute: 1 });
  await stage.plane.pass(DAY - 120);
  expect((await stage.rollouts.show(id)).started_at).toBeNull();
  await stage.workUntil(id, async () => (await stage.status(id)) === 'PAUSED');
  expect((await stage.rollouts.show(id)).reason).toMatch(
    /Ring canary has passed; the approval asks for a person/,
  );
  await stage.say(id, 'resume');
  await stage.workUntil(id, async () => (await stage.status(id)) === 'COMPLETED');
});

it('a reminder that cannot be delivered does not hold the deployment', async () => {
  stage.webhook.answerWith(500);
  const id = await stage.created({ approval_seconds: 4 * DAY });
  await stage.plane.pass(DAY + 60);
  await eventually(async () => expect(stage.webhook.deliveries.length).toBeGreaterThanOrEqual(4));
  await stage.decide(id, 'reject');
  expect(await stage.handle(id).result()).toMatchObject({ status: 'REJECTED' });
});
