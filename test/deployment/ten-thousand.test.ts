import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { deploymentWorkflowId } from '../../contracts/temporal.ts';
import { createLogger } from '../../runtime/logger.ts';
import { WorkflowRelay } from '../../workers/control-plane/workflow-relay.ts';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { Rollouts, ring } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { controlPlane, type TestControlPlane } from '../harness/temporal.ts';

const DEVICES = 10_000;
/** Less than the server suggests by default, so that the rollout goes through several runs. */
const SUGGESTED_EVENTS = 80;
/** What one round of the workflow adds at most before it sees the suggestion. */
const ROUND_EVENTS = 25;

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let plane: TestControlPlane;
let rollouts: Rollouts;

beforeAll(async () => {
  [server, database] = await Promise.all([
    devServer({ dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': String(SUGGESTED_EVENTS) } }),
    createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' }),
  ]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
  rollouts = new Rollouts(database);
  // What it packs is for the tests of evidence.
  plane = await controlPlane(env, database, { packaging: { packIntentEvidence: async (id: string) => id } });
}, 90_000);
afterAll(async () => {
  await plane?.stop();
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});

async function seed(): Promise<void> {
  await database.pool.query(
    `WITH made AS (
       INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'key-' || n, 'hardware-' || n, 'host-' || n, 'linux', '12', '1.0.0', 'ONLINE', 0, now(), '{}', '{}', now(), now()
       FROM generate_series(1, $1::int) AS n RETURNING id
     )
     INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id)
     SELECT id, now(), 0, 'ONLINE', '1.0.0', 'hardware' FROM made`,
    [DEVICES],
  );
}

/** What ten thousand agents say within a moment, as their tables hold it. One in a hundred fails. */
const work = () =>
  database.pool.query(
    `UPDATE agent_task SET version = version + 1, started_at = now(), completed_at = now(),
       status = CASE WHEN queue_seq % 100 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
       result = CASE WHEN queue_seq % 100 = 0 THEN '{"failure_kind": "install"}'::jsonb END
     WHERE status = 'PENDING'`,
  );

it('rolls out to ten thousand devices with histories that stay short, and one task each', async () => {
  await seed();
  const relay = new WorkflowRelay({
    client: env.client,
    outbox: database.stores.workflowOutbox,
    logger: createLogger('test', 'silent'),
  });
  const id = await rollouts.begin({
    pipeline_id: await rollouts.pipeline(),
    plan: {
      rings: [ring('canary', { count: 100 }), ring('early', { percent: 10 }), ring('all', { rest: true })],
      max_in_flight: 2_000,
      max_per_minute: 100_000,
    },
  });
  while ((await relay.relayOnce()) > 0);
  const handle = env.client.workflow.getHandle(deploymentWorkflowId(id));
  let largest = 0;
  for (;;) {
    await work();
    // What the workflow knows does not grow with the fleet.
    const pass = await handle.query('deploymentPass').catch(() => undefined);
    largest = Math.max(largest, JSON.stringify(pass ?? {}).length);
    if ((await rollouts.show(id)).status !== 'ROLLING_OUT') break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  expect(await handle.result()).toMatchObject({ status: 'COMPLETED' });
  expect(largest).toBeGreaterThan(100);
  expect(largest).toBeLessThan(2_000);

  // Each run began another as it ended, but lists come to know of both later.
  const runs = await eventually(async () => {
    const listed = [];
    for await (const run of env.client.workflow.list({
      query: `WorkflowId = '${deploymentWorkflowId(id)}'`,
    }))
      listed.push(run);
    expect(listed.map(({ status }) => status.name).sort()).toEqual([
      'COMPLETED',
      ...Array(listed.length - 1).fill('CONTINUED_AS_NEW'),
    ]);
    expect(listed.length).toBeGreaterThanOrEqual(2);
    return listed;
  });
  const lengths = runs.map(({ historyLength = 0 }) => historyLength);
  expect(Math.min(...lengths)).toBeGreaterThan(0);
  expect(Math.max(...lengths)).toBeLessThan(SUGGESTED_EVENTS + ROUND_EVENTS);

  const { rows } = await database.pool.query(
    `SELECT count(*) AS tasks, count(DISTINCT agent_id) AS agents FROM agent_task`,
  );
  expect(rows).toEqual([{ tasks: DEVICES, agents: DEVICES }]);
  expect((await rollouts.show(id)).devices).toEqual({
    INSTALLED: DEVICES - DEVICES / 100,
    FAILED: DEVICES / 100,
  });
}, 240_000);
