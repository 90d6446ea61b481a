import type { WorkflowHandle } from '@temporalio/client';
import {
  agentPresenceWorkflowId,
  agentTaskWorkflowId,
  alertDeliveryWorkflowId,
  CONTROL_PLANE_TASK_QUEUE,
} from '../../../contracts/temporal.ts';
import { Fleet, OPERATOR } from '../../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { timeSkippingEnvironment } from '../../harness/engines.ts';
import { eventually } from '../../harness/eventually.ts';
import { controlPlane, registerSearchAttributes, type TestControlPlane } from '../../harness/temporal.ts';
import { recordHistory } from './histories.ts';
import { shownOf } from './history.ts';
import { recordIncidents } from './record-incidents.ts';
import { recordDeployments } from './recording-deployments.ts';
import { startWebhook } from './webhook.ts';

interface Stage {
  readonly database: TestDatabase;
  readonly fleet: Fleet;
  readonly plane: TestControlPlane;
}

/** Lets every story happen on real engines and writes down its history. */
export async function recordAllHistories(): Promise<void> {
  const webhook = await startWebhook();
  const [env, database] = await Promise.all([
    timeSkippingEnvironment(),
    createTestDatabase({ EUCORA_ALERT_WEBHOOK_URL: webhook.url }),
  ]);
  await registerSearchAttributes(env);
  const fleet = new Fleet(database);
  const plane = await controlPlane(env, database, {
    beforeActivity: () => fleet.listen(),
    activities: { remindWorkflows: async () => 0 },
  });
  try {
    await plane.syncClock();
    const stage = { database, fleet, plane };
    await recordTasks(stage);
    webhook.answerWith(500, 200);
    await recordPresenceAndDelivery(stage);
    await recordFailedDelivery();
    await recordDeployments();
    const maintenance = await plane.client.workflow.start('maintenance', {
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
      workflowId: 'maintenance',
    });
    await maintenance.result();
    await recordHistory(maintenance, 'maintenance.completed.json');
    await recordIncidents(env, database, plane);
  } finally {
    await plane.stop();
    await env.teardown();
    await database.dispose();
    await webhook.close();
  }
}

/** The stories of incidents alone, on engines of their own. */
export async function recordIncidentHistories(): Promise<void> {
  const [env, database] = await Promise.all([timeSkippingEnvironment(), createTestDatabase()]);
  await registerSearchAttributes(env);
  const plane = await controlPlane(env, database);
  try {
    await recordIncidents(env, database, plane);
  } finally {
    await plane.stop();
    await env.teardown();
    await database.dispose();
  }
}

async function recordTasks({ database, fleet, plane }: Stage): Promise<void> {
  const { tasks } = database.stores;
  const agent = await fleet.online();
  const begin = async (overrides: Parameters<Fleet['task']>[1] = {}): Promise<[string, WorkflowHandle]> => {
    const id = await fleet.task(agent, overrides);
    await plane.relay.relayOnce();
    await fleet.heartbeat(agent);
    await plane.pass(2);
    await plane.relay.relayOnce();
    return [id, plane.client.workflow.getHandle(agentTaskWorkflowId(id))];
  };
  const end = async (handle: WorkflowHandle, story: string) => {
    await plane.relay.relayOnce();
    await handle.result();
    await recordHistory(handle, `agentTask.${story}.json`);
  };

  const [happy, happyHandle] = await begin();
  await tasks.takeWord(happy, agent, { word: 'start' }, 'test');
  await plane.relay.relayOnce();
  await tasks.takeWord(happy, agent, { word: 'complete', result: {} }, 'test');
  await end(happyHandle, 'happy');

  const [lost, lostHandle] = await begin({ max_retries: 1 });
  await plane.pass(121);
  await eventually(async () => {
    if ((await fleet.find(lost)).status !== 'PENDING') throw new Error('Not lost yet');
  });
  await fleet.heartbeat(agent);
  await plane.pass(2);
  await plane.relay.relayOnce();
  await plane.pass(121);
  await end(lostHandle, 'lost-hand-over');

  const [late, lateHandle] = await begin({ timeout_seconds: 600 });
  await tasks.takeWord(late, agent, { word: 'start' }, 'test');
  await plane.relay.relayOnce();
  await plane.pass(601);
  await end(lateHandle, 'timeout');

  const [cancelled, cancelledHandle] = await begin();
  await tasks.cancel(cancelled, OPERATOR);
  await end(cancelledHandle, 'cancelled');
}

/** A shard with one critical agent, which expires; the receiver of the alert fails once. */
async function recordPresenceAndDelivery({ database, fleet, plane }: Stage): Promise<void> {
  const agent = await fleet.online({ critical: true });
  const { rows } = await database.pool.query<{ shard: number }>(
    'SELECT shard FROM agent_presence WHERE agent_id = $1',
    [agent],
  );
  const shard = rows[0]?.shard ?? 0;
  const handle = await plane.client.workflow.start('agentPresence', {
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    workflowId: agentPresenceWorkflowId(shard),
    args: [shard],
  });
  await eventually(async () => {
    if (!(await shownOf(handle)).details?.includes('Sleeps')) throw new Error('Not asleep yet');
  });
  await handle.signal('wake');
  await plane.pass(299);
  await plane.pass(3);
  const [batch] = await eventually(async () => {
    const found = await database.pool.query<{ delivery_batch: string }>(
      `SELECT delivery_batch FROM alert WHERE agent_id = $1 AND delivery = 'delivered'`,
      [agent],
    );
    if (found.rows.length === 0) throw new Error('Not delivered yet');
    return found.rows.map((row) => row.delivery_batch);
  }, 20);
  await recordHistory(handle, 'agentPresence.expiry-with-alert.json');
  const delivery = plane.client.workflow.getHandle(alertDeliveryWorkflowId(batch ?? ''));
  await delivery.result();
  await recordHistory(delivery, 'alertDelivery.delivered.json');
  await handle.terminate();
}

/** No webhook is configured any more when the delivery is tried. */
async function recordFailedDelivery(): Promise<void> {
  const env = await timeSkippingEnvironment();
  const other = await createTestDatabase();
  const withoutWebhook = await controlPlane(env, other);
  try {
    const handle = await withoutWebhook.client.workflow.start('alertDelivery', {
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
      workflowId: alertDeliveryWorkflowId('00000000-0000-7000-8000-000000000001'),
      args: ['00000000-0000-7000-8000-000000000001'],
    });
    await handle.result();
    await recordHistory(handle, 'alertDelivery.failed.json');
  } finally {
    await withoutWebhook.stop();
    await env.teardown();
    await other.dispose();
  }
}
