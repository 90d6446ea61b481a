import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { deploymentActivities } from '../../activities/deployment/activities.ts';
import { deploymentWorkflowId } from '../../contracts/temporal.ts';
import { createLogger } from '../../runtime/logger.ts';
import { WorkflowRelay } from '../../workers/control-plane/workflow-relay.ts';
import { OPERATOR } from '../db/support/fleet.ts';
import { APPROVER, Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { timeSkippingEnvironment } from '../harness/engines.ts';
import {
  controlPlane,
  eventually,
  registerSearchAttributes,
  type TestControlPlane,
} from '../harness/temporal.ts';
import { countEvents, shownOf } from './support/history.ts';
import { startWebhook, type Webhook } from './support/webhook.ts';

const DAY = 86_400;

let env: TestWorkflowEnvironment;
let database: TestDatabase;
let rollouts: Rollouts;
let plane: TestControlPlane;
let relay: WorkflowRelay;
let webhook: Webhook;
let looks = 0;
/** Every second look is taken, and its worker dies before it says so. */
let losesAnswers = false;

beforeAll(async () => {
  webhook = await startWebhook();
  [env, database] = await Promise.all([
    timeSkippingEnvironment(),
    createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '0', EUCORA_ALERT_WEBHOOK_URL: webhook.url }),
  ]);
  await registerSearchAttributes(env);
  rollouts = new Rollouts(database);
  const { lookAtDeployment } = deploymentActivities(database.stores.deployments.rollout, undefined);
  plane = await controlPlane(env, database, {
    beforeActivity: () => rollouts.fleet.listen(),
    activities: {
      lookAtDeployment: async (id: string) => {
        const pass = await lookAtDeployment(id);
        looks += 1;
        if (losesAnswers && looks % 2 === 0) throw new Error('The worker died before it could answer');
        return pass;
      },
    },
  });
  relay = new WorkflowRelay({
    client: plane.client,
    outbox: database.stores.workflowOutbox,
    logger: createLogger('test', 'silent'),
  });
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await env?.teardown();
  await database?.dispose();
  await webhook?.close();
});
beforeEach(async () => {
  losesAnswers = false;
  await plane.syncClock();
  await rollouts.fleet.listen();
});

const handleOf = (id: string) => plane.client.workflow.getHandle(deploymentWorkflowId(id));
const statusOf = async (id: string) => (await rollouts.show(id)).status;
const detailsOf = async (id: string) => (await shownOf(handleOf(id))).details;
/** What is noted reaches the workflow. */
const tell = async () => {
  while ((await relay.relayOnce()) > 0);
};

async function created(plan: object = {}, fleet = 2): Promise<string> {
  // Each story has machines of its own.
  const group = `g${Math.random().toString(36).slice(2)}`;
  await rollouts.online(fleet, { group });
  const creation = await rollouts.create({
    pipeline_id: await rollouts.pipeline({ name: group }),
    selection: { tag: `group=${group}` },
    plan,
  });
  if (creation.kind !== 'created') throw new Error(creation.kind);
  await tell();
  return creation.deployment.id;
}
async function decide(id: string, decision: 'approve' | 'reject', conditions?: object): Promise<void> {
  const request = { decision, comment: '', ...(conditions === undefined ? {} : { conditions }) };
  const answer = await database.stores.deployments.decide(id, request, APPROVER, 'test');
  expect(answer.kind).toBe('decided');
  await tell();
}
/** Time passes in small steps, in which devices work, until it holds. */
async function workUntil(
  id: string,
  holds: () => Promise<boolean>,
  how?: Parameters<Rollouts['work']>[1],
): Promise<void> {
  for (let step = 0; step < 60; step += 1) {
    if (await holds()) return;
    await rollouts.work(id, how);
    await plane.pass(15);
  }
  throw new Error(`Never came true: ${JSON.stringify(await rollouts.show(id))}`);
}

it('waits for the CAB, reminds it, and goes through rings with their soaks when it approves', async () => {
  webhook.answerWith(200);
  const id = await created({
    rings: [ring('canary', { count: 1 }, { soak_seconds: DAY }), ring('all', { rest: true })],
  });
  expect((await shownOf(handleOf(id))).summary).toMatch(/^Deployment of/);
  await eventually(async () =>
    expect(await detailsOf(id)).toMatch(/\*\*AWAITING_APPROVAL\*\*.*Waits for a decision/),
  );
  await plane.pass(DAY + 10);
  await eventually(async () => expect(webhook.deliveries).toHaveLength(1));
  expect(JSON.parse(webhook.deliveries[0]?.body ?? '')).toMatchObject({ approval_reminder: { id } });
  expect(await statusOf(id)).toBe('AWAITING_APPROVAL');
  await decide(id, 'approve');
  await workUntil(id, async () => (await rollouts.rings(id))[0] === 'SOAKING');
  await eventually(async () => expect(await detailsOf(id)).toMatch(/Ring 1 of 2, canary: SOAKING/));
  await plane.pass(DAY - 60);
  expect(await rollouts.rings(id)).toEqual(['SOAKING', 'WAITING']);
  await plane.pass(120);
  await workUntil(id, async () => (await statusOf(id)) === 'COMPLETED');
  expect(await handleOf(id).result()).toEqual({ status: 'COMPLETED', reason: 'All rings have passed' });
  const described = await handleOf(id).describe();
  expect(described.searchAttributes['EucoraState']).toEqual(['COMPLETED']);
}, 120_000);

it('ends when nobody decides in time, and when the CAB rejects', async () => {
  const waited = await created({ approval_seconds: 3 * DAY });
  const rejected = await created();
  await decide(rejected, 'reject');
  expect(await handleOf(rejected).result()).toMatchObject({
    status: 'REJECTED',
    reason: expect.stringMatching(/An operator/),
  });
  await plane.pass(3 * DAY - 60);
  expect(await statusOf(waited)).toBe('AWAITING_APPROVAL');
  await plane.pass(120);
  expect(await handleOf(waited).result()).toEqual({ status: 'EXPIRED', reason: 'Nobody decided in time' });
  const late = await database.stores.deployments.decide(
    waited,
    { decision: 'approve', comment: '' },
    APPROVER,
    'x',
  );
  expect(late).toEqual({ kind: 'refused', status: 'EXPIRED' });
}, 60_000);

it('keeps to the conditions of its approval: not before, and a pause after a ring', async () => {
  const id = await created({ rings: [ring('canary', { count: 1 }), ring('all', { rest: true })] });
  const not_before = new Date((await env.currentTimeMs()) + DAY * 1_000).toISOString();
  await decide(id, 'approve', { not_before, pause_after_ring: 'canary', max_per_minute: 1 });
  await plane.pass(DAY - 120);
  expect((await rollouts.show(id)).started_at).toBeNull();
  await workUntil(id, async () => (await statusOf(id)) === 'PAUSED');
  expect((await rollouts.show(id)).reason).toMatch(/Ring canary has passed; the approval asks for a person/);
  const origin = { actor: OPERATOR, reason: '', correlationId: 'test' };
  await database.stores.deployments.say(id, 'resume', origin);
  await tell();
  await workUntil(id, async () => (await statusOf(id)) === 'COMPLETED');
}, 60_000);

it('opens a maintenance window in the device’s zone by itself, days later', async () => {
  const now = new Date(await env.currentTimeMs());
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(now.getUTCDay() + 3) % 7];
  const id = await created({
    windows: [{ days: [day], from: '01:00', to: '05:00' }],
    time_zone: 'Europe/Zurich',
  });
  await decide(id, 'approve');
  await eventually(async () =>
    expect(await detailsOf(id)).toMatch(/outside the maintenance window in Europe\/Zurich/),
  );
  await plane.pass(1.5 * DAY);
  expect(await rollouts.devices(id, 'WAITING')).toHaveLength(2);
  await plane.pass(2.2 * DAY);
  await workUntil(id, async () => (await statusOf(id)) === 'COMPLETED');
  const { rows } = await database.pool.query<{ hours: number }>(
    `SELECT DISTINCT extract(hour FROM dispatched_at AT TIME ZONE 'Europe/Zurich')::int AS hours FROM deployment_device WHERE deployment_id = $1`,
    [id],
  );
  for (const { hours } of rows) expect(hours).toBeGreaterThanOrEqual(1);
  for (const { hours } of rows) expect(hours).toBeLessThan(5);
}, 120_000);

it('pauses when an exception ends mid-rollout', async () => {
  const group = 'excused';
  await rollouts.online(2, { group });
  const exception = await rollouts.exception(DAY, group);
  const pipeline_id = await rollouts.pipeline({ name: group, exceptions: [exception] });
  const plan = {
    rings: [ring('canary', { count: 1 }, { soak_seconds: 2 * DAY }), ring('all', { rest: true })],
  };
  const id = await rollouts.begin({ pipeline_id, selection: { tag: `group=${group}` }, plan });
  await tell();
  await workUntil(id, async () => (await rollouts.rings(id))[0] === 'SOAKING');
  await plane.pass(2 * DAY + 60);
  await eventually(async () => expect(await statusOf(id)).toBe('PAUSED'));
  expect((await rollouts.show(id)).reason).toMatch(/has expired/);
  await database.stores.deployments.say(id, 'abort', { actor: OPERATOR, reason: '', correlationId: 'test' });
  await tell();
  expect(await handleOf(id).result()).toMatchObject({ status: 'ABORTED' });
}, 60_000);

it('rolls back by itself, and again when an operator says so long after its workflow has ended', async () => {
  const id = await created({
    rings: [ring('all', { rest: true }, { gates: { max_failures: { count: 0 } } })],
  });
  await decide(id, 'approve');
  await workUntil(
    id,
    async () => (await statusOf(id)) === 'ROLLING_BACK',
    () => ({ fail: 'broken', kind: 'install' }),
  );
  await workUntil(id, async () => (await statusOf(id)) === 'ROLLED_BACK');
  expect(await handleOf(id).result()).toMatchObject({ status: 'ROLLED_BACK' });

  const done = await created();
  await decide(done, 'approve');
  await workUntil(done, async () => (await statusOf(done)) === 'COMPLETED');
  await handleOf(done).result();
  await plane.pass(30 * DAY);
  await database.stores.deployments.say(done, 'roll_back', {
    actor: OPERATOR,
    reason: '',
    correlationId: 'x',
  });
  await tell();
  await workUntil(done, async () => (await statusOf(done)) === 'ROLLED_BACK');
  expect(await rollouts.devices(done, 'ROLLED_BACK')).toHaveLength(2);
}, 120_000);

it('workers that die with every second answer lose nothing and double nothing', async () => {
  losesAnswers = true;
  const id = await created(
    { rings: [ring('some', { count: 3 }), ring('all', { rest: true })], max_in_flight: 2 },
    8,
  );
  await decide(id, 'approve');
  await workUntil(id, async () => (await statusOf(id)) === 'COMPLETED');
  const { rows } = await database.pool.query<{ tasks: number; agents: number }>(
    `SELECT count(*) AS tasks, count(DISTINCT agent_id) AS agents FROM agent_task WHERE created_by = $1`,
    [deploymentWorkflowId(id)],
  );
  expect(rows).toEqual([{ tasks: 8, agents: 8 }]);
  const moves = await rollouts.audited(id, 'deployment.ring');
  expect(moves).toHaveLength(4);
  expect(await rollouts.audited(id, 'deployment.complete')).toHaveLength(1);
  expect(await handleOf(id).result()).toMatchObject({ status: 'COMPLETED' });
}, 120_000);

it('a reminder that cannot be delivered does not hold the deployment', async () => {
  webhook.answerWith(500);
  const id = await created({ approval_seconds: 4 * DAY });
  await plane.pass(DAY + 60);
  await eventually(async () => expect(webhook.deliveries.length).toBeGreaterThanOrEqual(4), 20);
  await decide(id, 'reject');
  expect(await handleOf(id).result()).toMatchObject({ status: 'REJECTED' });
}, 60_000);

it('sleeps longer while nothing moves: a week of soak costs few looks', async () => {
  const id = await created({ rings: [ring('all', { rest: true }, { soak_seconds: 7 * DAY })] }, 1);
  await decide(id, 'approve');
  await workUntil(id, async () => (await rollouts.rings(id))[0] === 'SOAKING');
  await plane.pass(3_600);
  const before = await countEvents(handleOf(id), 'activityTaskScheduledEventAttributes');
  await plane.pass(6 * 3_600);
  const looks = (await countEvents(handleOf(id), 'activityTaskScheduledEventAttributes')) - before;
  expect(looks).toBeGreaterThan(30);
  expect(looks).toBeLessThanOrEqual(37);
  await handleOf(id).terminate();
}, 60_000);
