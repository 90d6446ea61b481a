import { createHmac } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { alertDeliveryActivities } from '../../activities/alert-delivery/activities.ts';
import {
  agentPresenceWorkflowId,
  alertDeliveryWorkflowId,
  CONTROL_PLANE_TASK_QUEUE,
} from '../../contracts/temporal.ts';
import { Fleet } from '../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { timeSkippingEnvironment } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { controlPlane, type TestControlPlane } from '../harness/temporal.ts';
import { heldUp, shownOf, timesOf, unwatched } from './support/history.ts';
import { startWebhook, type Webhook } from './support/webhook.ts';

const SECRET = 'a-secret-of-some-length';

let env: TestWorkflowEnvironment;
let webhook: Webhook;
let database: TestDatabase;
let fleet: Fleet;
let plane: TestControlPlane;
const passes: number[] = [];
const watching: WorkflowHandle[] = [];
let nextAttemptIn: '25 hours' | undefined;
let noWebhook = false;

/** The real activity, whose next attempt a test may put off. */
async function deliverAlerts(batch: string): Promise<void> {
  const target = noWebhook ? undefined : { url: webhook.url, secret: SECRET };
  try {
    await alertDeliveryActivities(database.stores.alerts, target).deliverAlerts(batch);
  } catch (error) {
    if (nextAttemptIn === undefined) throw error;
    throw ApplicationFailure.create({ message: (error as Error).message, nextRetryDelay: nextAttemptIn });
  }
}

beforeAll(async () => {
  webhook = await startWebhook();
  [env, database] = await Promise.all([
    timeSkippingEnvironment(),
    createTestDatabase({ EUCORA_ALERT_WEBHOOK_URL: webhook.url, EUCORA_ALERT_WEBHOOK_SECRET: SECRET }),
  ]);
  fleet = new Fleet(database);
  plane = await controlPlane(env, database, {
    beforeActivity: () => fleet.listen(),
    activities: {
      expireShard: (shard: number) => {
        passes.push(shard);
        return database.stores.presence.expireShard(shard);
      },
      deliverAlerts,
      remindWorkflows: async () => 7,
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  await env?.teardown();
  await database?.dispose();
  await webhook?.close();
});
beforeEach(async () => {
  await plane.syncClock();
  webhook.answerWith(200);
  passes.length = 0;
  nextAttemptIn = undefined;
  noWebhook = false;
});

afterEach(async () => {
  for (const handle of watching.splice(0)) await handle.terminate().catch(() => undefined);
});

async function shardOf(agent: string): Promise<number> {
  const { rows } = await database.pool.query<{ shard: number }>(
    'SELECT shard FROM agent_presence WHERE agent_id = $1',
    [agent],
  );
  return rows[0]?.shard ?? -1;
}

async function watch(agent: string) {
  const shard = await shardOf(agent);
  const handle = await plane.client.workflow.start('agentPresence', {
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    workflowId: agentPresenceWorkflowId(shard),
    args: [shard],
  });
  await eventually(() => expect(passes).toEqual([shard]));
  await eventually(async () => expect((await shownOf(handle)).details).toContain('Sleeps'));
  watching.push(handle);
  return handle;
}

/** Lets time pass until the agent has been silent for so many seconds, however long it took to come so far. */
async function passUntil(agent: string, seconds: number): Promise<void> {
  await plane.syncClock();
  const { rows } = await database.pool.query<{ silent: number }>(
    'SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 AS silent FROM agent_presence WHERE agent_id = $1',
    [agent],
  );
  await plane.pass(Math.max(0, seconds - (rows[0]?.silent ?? 0)));
}

/** Its five minutes are long over. */
async function silence(agent: string): Promise<void> {
  await database.pool.query(
    `UPDATE agent_presence SET last_heartbeat_at = now() - interval '1 hour' WHERE agent_id = $1`,
    [agent],
  );
}

const statusOf = async (agent: string) => (await database.stores.agents.find(agent))?.status;

describe('the presence workflow', () => {
  it('sleeps until the next agent can expire, and looks at the very second', async () => {
    const agent = await fleet.online();
    const handle = await watch(agent);
    await passUntil(agent, 295);
    expect(passes).toHaveLength(1);
    await plane.pass(10);
    await eventually(async () => expect(await statusOf(agent)).toBe('OFFLINE'));
    expect(passes).toHaveLength(2);
    const { rows } = await database.pool.query<{ seconds: number }>(
      `SELECT extract(epoch FROM a.offline_since - p.last_heartbeat_at) AS seconds
       FROM agent a JOIN agent_presence p ON p.agent_id = a.id WHERE a.id = $1`,
      [agent],
    );
    expect(Number(rows[0]?.seconds)).toBeGreaterThanOrEqual(300);
    // What a busy machine takes to get from the answer to the timer, and from the timer to the statement.
    const [set = 0] = await timesOf(handle, 'timerStartedEventAttributes');
    const [first = 0] = await timesOf(handle, 'activityTaskStartedEventAttributes');
    const heldUpMs = set - first + (await heldUp(handle));
    expect(Number(rows[0]?.seconds)).toBeLessThan(302 + heldUpMs / 1_000);
    await eventually(async () =>
      expect((await shownOf(handle)).details).toContain('Last pass: 1 went offline'),
    );
    await handle.terminate();
  });

  it('heartbeats cost it nothing: one look when the first deadline has moved on', async () => {
    const agent = await fleet.online();
    const handle = await watch(agent);
    for (let beat = 0; beat < 4; beat += 1) {
      await plane.pass(60);
      await fleet.heartbeat(agent);
    }
    expect(passes).toHaveLength(1);
    await plane.pass(200);
    expect(passes).toHaveLength(2);
    expect(await statusOf(agent)).toBe('ONLINE');
    await handle.terminate();
  });

  it('looks again at once when it is woken', async () => {
    const handle = await watch(await fleet.online());
    await handle.signal('wake');
    await eventually(() => expect(passes).toHaveLength(2));
    await handle.terminate();
  });

  it('starts the delivery of alerts as a child that outlives it', async () => {
    const agent = await fleet.online({ critical: true });
    const handle = await watch(agent);
    webhook.answerWith(500, 200);
    await silence(agent);
    await handle.signal('wake');
    await eventually(() => expect(webhook.deliveries).toHaveLength(1));
    await handle.terminate();
    await eventually(async () =>
      expect((await database.stores.alerts.list({ agent_id: agent, limit: 1 })).items).toMatchObject([
        { delivery: 'delivered', delivery_attempts: 2, delivery_error: null },
      ]),
    );
  });

  it('an alert that is named by two passes is delivered by one child', async () => {
    const agent = await fleet.online({ critical: true });
    const handle = await watch(agent);
    await silence(agent);
    await fleet.listen();
    const [batch = ''] = (await database.stores.presence.expireShard(await shardOf(agent))).alert_batches;
    await handle.signal('wake');
    await eventually(() => expect(webhook.deliveries).toHaveLength(1));
    await plane.client.workflow.getHandle(alertDeliveryWorkflowId(batch)).result();
    await database.pool.query(
      `UPDATE alert SET delivery = 'pending', delivery_attempts = 0 WHERE delivery_batch = $1`,
      [batch],
    );
    await handle.signal('wake');
    await eventually(() => expect(passes).toHaveLength(3));
    await eventually(async () => expect((await shownOf(handle)).details).toContain('Last pass: 0'));
    expect(webhook.deliveries).toHaveLength(1);
    await handle.terminate();
  });
});

/** An alert that waits for delivery. */
async function openAlert(): Promise<{ batch: string; agent: string }> {
  const agent = await fleet.online({ critical: true });
  await silence(agent);
  await fleet.listen();
  await database.stores.presence.expireShard(await shardOf(agent));
  const { rows } = await database.pool.query<{ delivery_batch: string }>(
    'SELECT delivery_batch FROM alert WHERE agent_id = $1',
    [agent],
  );
  return { batch: String(rows[0]?.delivery_batch), agent };
}

const deliver = (batch: string) =>
  plane.client.workflow.start('alertDelivery', {
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    workflowId: alertDeliveryWorkflowId(batch),
    args: [batch],
  });

const alertOf = async (agent: string) =>
  (await database.stores.alerts.list({ agent_id: agent, limit: 1 })).items[0];

describe('the delivery of an alert', () => {
  it('is tried again until the receiver takes it, signed with the shared secret', async () => {
    const { batch, agent } = await openAlert();
    webhook.answerWith(503, 302, 204);
    const handle = await deliver(batch);
    await eventually(() => expect(webhook.deliveries).toHaveLength(1));
    await eventually(async () =>
      expect(await alertOf(agent)).toMatchObject({
        delivery: 'pending',
        delivery_error: 'The webhook answered 503',
      }),
    );
    expect(await handle.result()).toBe('delivered');
    expect(webhook.deliveries).toHaveLength(3);
    expect(await alertOf(agent)).toMatchObject({
      delivery: 'delivered',
      delivery_attempts: 3,
      delivery_error: null,
    });
    for (const { headers, body } of webhook.deliveries) {
      expect(headers['content-type']).toBe('application/json');
      expect(headers['x-eucora-signature']).toBe(
        `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
      );
      expect(JSON.parse(body)).toMatchObject({ alerts: [{ agent_id: agent, kind: 'agent_offline' }] });
    }
  });

  // The environment lets no time pass while an activity waits for its next attempt: the next one is put beyond the day.
  it('is given up when the next attempt would come after a day: failed, with the receiver’s last answer', async () => {
    const { batch, agent } = await openAlert();
    webhook.answerWith(500);
    nextAttemptIn = '25 hours';
    const handle = await deliver(batch);
    expect(await handle.result()).toBe('failed');
    expect(webhook.deliveries).toHaveLength(1);
    expect(await alertOf(agent)).toMatchObject({
      delivery: 'failed',
      delivery_error: 'The webhook answered 500',
      delivery_attempts: 1,
      delivered_at: null,
    });
    const { events } = await handle.fetchHistory();
    const scheduled = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    expect(scheduled.map((activity) => Number(activity.scheduleToCloseTimeout?.seconds ?? 0))[0]).toBe(
      86_400,
    );
    expect(Number(scheduled[0]?.retryPolicy?.maximumInterval?.seconds)).toBe(600);
    expect(await unwatched(handle)).toEqual([]);
  });

  it('fails at once where no webhook is configured any more', async () => {
    const { batch, agent } = await openAlert();
    noWebhook = true;
    expect(await (await deliver(batch)).result()).toBe('failed');
    expect(await alertOf(agent)).toMatchObject({
      delivery: 'failed',
      delivery_attempts: 0,
      delivery_error: 'No webhook is configured any more',
    });
  });

  it('of an agent that was deleted meanwhile has nothing to say', async () => {
    const { batch, agent } = await openAlert();
    await database.pool.query('DELETE FROM agent WHERE id = $1', [agent]);
    expect(await (await deliver(batch)).result()).toBe('delivered');
    expect(webhook.deliveries).toEqual([]);
  });
});

it('maintenance makes partitions, applies retention and reminds workflows, and reports all three', async () => {
  const handle = await plane.client.workflow.start('maintenance', {
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    workflowId: 'maintenance',
  });
  expect(await handle.result()).toMatchObject({ queue_items_removed: 0, workflows_reminded: 7 });
});
