import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Worker } from '@temporalio/worker';
import { Reconciler } from '../../activities/maintenance/reconciler.ts';
import {
  agentPresenceWorkflowId,
  agentTaskWorkflowId,
  CONTROL_PLANE_TASK_QUEUE,
  MAINTENANCE_SCHEDULE_ID,
  PRESENCE_SHARDS,
} from '../../contracts/temporal.ts';
import { createLogger } from '../../runtime/logger.ts';
import { remindAtStart } from '../../workers/control-plane/remind-at-start.ts';
import { TaskRelay } from '../../workers/control-plane/task-relay.ts';
import {
  builtWorkflowBundle,
  createControlPlaneWorker,
  ensureStandingWorkflows,
} from '../../workers/control-plane/worker.ts';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { Fleet, OPERATOR } from '../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { plainWorkflowBundle } from '../harness/temporal.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let fleet: Fleet;
let worker: Worker;
let running: Promise<void>;
let relay: TaskRelay;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-bundle-'));
  [server, database] = await Promise.all([
    devServer({ dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '40' } }),
    createTestDatabase({ EUCORA_OFFLINE_AFTER_SECONDS: '2' }),
  ]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
  fleet = new Fleet(database);
  const path = join(folder, 'workflow-bundle.js');
  await writeFile(path, (await plainWorkflowBundle()).code);
  worker = await createControlPlaneWorker({
    config: database.config,
    stores: database.stores,
    client: env.client,
    connection: env.nativeConnection,
    namespace: 'default',
    workflowBundle: await builtWorkflowBundle(path),
  });
  running = worker.run();
  relay = new TaskRelay({
    client: env.client,
    outbox: database.stores.outbox,
    tasks: database.stores.tasks,
    logger: createLogger('test', 'silent'),
  });
});
afterAll(async () => {
  worker?.shutdown();
  await running;
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => jest.restoreAllMocks());

const handleOf = (task: string) => env.client.workflow.getHandle(agentTaskWorkflowId(task));
const count = async (query: string) => (await env.client.workflow.count(query)).count;

it('a worker whose bundle was not built refuses to start and says what to do', async () => {
  await expect(builtWorkflowBundle(join(folder, 'nowhere.js'))).rejects.toThrow(
    /nowhere\.js is missing; run "npm run build"/,
  );
});

it('at the start, a Temporal that does not know us hears of every open task; a known one looks at once', async () => {
  const task = await fleet.task(await fleet.online());
  await relay.relayOnce();
  await remindAtStart(env.client, database.stores);
  expect((await database.stores.outbox.backlog()).waiting).toBe(1);
  await relay.relayOnce();
  await ensureStandingWorkflows(env.client);
  await remindAtStart(env.client, database.stores);
  expect((await database.stores.outbox.backlog()).waiting).toBe(0);
  // One more where the hour is full just now.
  await eventually(async () => expect(await count(`WorkflowType = 'maintenance'`)).toBeGreaterThanOrEqual(1));
  await database.stores.tasks.cancel(task, OPERATOR);
  await relay.relayOnce();
  await handleOf(task).result();
});

describe('standing workflows', () => {
  it('are started once, however often it is asked for, with their schedule', async () => {
    await ensureStandingWorkflows(env.client);
    await ensureStandingWorkflows(env.client);
    await eventually(async () =>
      expect(await count(`WorkflowType = 'agentPresence' AND ExecutionStatus = 'Running'`)).toBe(
        PRESENCE_SHARDS,
      ),
    );
    const schedule = await env.client.schedule.getHandle(MAINTENANCE_SCHEDULE_ID).describe();
    expect(schedule.spec.intervals).toEqual([expect.objectContaining({ every: 3_600_000 })]);
    expect(schedule.action).toMatchObject({
      workflowType: 'maintenance',
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
    });
  });

  it('presence takes a silent agent OFFLINE by itself and continues as new before its history grows', async () => {
    const { rows } = await database.pool.query<{ shard: number }>(
      'SELECT shard FROM agent_presence WHERE agent_id = $1',
      [await fleet.enrol()],
    );
    const shard = rows[0]?.shard ?? 0;
    const handle = env.client.workflow.getHandle(agentPresenceWorkflowId(shard));
    const first = (await handle.describe()).runId;
    await fleet.listen();
    const agent = await fleet.online();
    await eventually(async () => {
      await fleet.listen();
      expect((await database.stores.agents.find(agent))?.status).toBe('OFFLINE');
    });
    // Woken as often as it takes: how many wakes share a turn is the machine's affair.
    await eventually(async () => {
      await handle.signal('wake');
      expect((await handle.describe()).runId).not.toBe(first);
    });
    expect((await handle.describe()).status.name).toBe('RUNNING');
  });

  it('the schedule runs maintenance with real counts', async () => {
    const completed = () => count(`WorkflowType = 'maintenance' AND ExecutionStatus = 'Completed'`);
    const running = () => count(`WorkflowType = 'maintenance' AND ExecutionStatus = 'Running'`);
    // The one of the start: while it runs, none is begun beside it.
    await eventually(async () => {
      expect(await completed()).toBeGreaterThanOrEqual(1);
      expect(await running()).toBe(0);
    });
    const before = await completed();
    const schedule = env.client.schedule.getHandle(MAINTENANCE_SCHEDULE_ID);
    await schedule.trigger();
    await eventually(async () => expect(await completed()).toBeGreaterThan(before));
    // Nobody else reminds while the tests of it move the clock, also where the hour is full.
    await schedule.pause();
  });
});

it('the state of a task is queryable as it changes: which tasks of this agent are stuck', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  const stuck = (state: string) =>
    eventually(async () =>
      expect(await count(`EucoraAgentId = '${agent}' AND EucoraTaskState = '${state}'`)).toBe(1),
    );
  await relay.relayOnce();
  await stuck('PENDING');
  await fleet.heartbeat(agent);
  await database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
  await relay.relayOnce();
  await stuck('IN_PROGRESS');
  await database.stores.tasks.takeWord(
    task,
    agent,
    { word: 'fail', error_message: 'x', result: null },
    'test',
  );
  await relay.relayOnce();
  expect(await handleOf(task).result()).toMatchObject({ status: 'FAILED' });
  await stuck('FAILED');
});

describe('reconciliation', () => {
  const reconciler = () => new Reconciler(env.client, database.stores.outbox, database.stores.incidents);
  const open = `WorkflowType = 'agentTask' AND ExecutionStatus = 'Running'`;

  afterEach(() => database.setClock(0));

  it('in sound operation reminds nobody', async () => {
    const task = await fleet.task(await fleet.online());
    await relay.relayOnce();
    await eventually(async () => expect(await count(open)).toBe(1));
    await database.setClock(600);
    expect(await reconciler().remindWorkflows()).toBe(0);
    await database.stores.tasks.cancel(task, OPERATOR);
    await relay.relayOnce();
    await eventually(async () => expect(await count(open)).toBe(0));
  });

  it('an open task without a workflow gets one again', async () => {
    const task = await fleet.task(await fleet.online());
    await relay.relayOnce();
    await handleOf(task).terminate('lost');
    await eventually(async () => expect(await count(open)).toBe(0));
    expect(await reconciler().remindWorkflows()).toBe(0);
    await database.setClock(600);
    expect(await reconciler().remindWorkflows()).toBe(1);
    await relay.relayOnce();
    expect((await handleOf(task).describe()).status.name).toBe('RUNNING');
    await database.stores.tasks.cancel(task, OPERATOR);
    await relay.relayOnce();
    await handleOf(task).result();
    await eventually(async () => expect(await count(open)).toBe(0));
  });

  it('a workflow without a task, or whose task has ended, is ended', async () => {
    const agent = await fleet.online();
    const [gone, ended] = [await fleet.task(agent), await fleet.task(agent)];
    await relay.relayOnce();
    await database.pool.query('DELETE FROM agent_task WHERE id = $1', [gone]);
    await database.pool.query(
      `UPDATE agent_task SET status = 'COMPLETED', version = 9, completed_at = now() WHERE id = $1`,
      [ended],
    );
    await eventually(async () => expect(await count(open)).toBe(2));
    // What has just ended may still be on its way.
    expect(await reconciler().remindWorkflows()).toBe(1);
    await database.setClock(600);
    expect(await reconciler().remindWorkflows()).toBe(1);
    await relay.relayOnce();
    expect(await handleOf(gone).result()).toMatchObject({ status: 'CANCELLED' });
    expect(await handleOf(ended).result()).toMatchObject({ status: 'COMPLETED' });
    await eventually(async () => expect(await count(open)).toBe(0));
  });

  it('as many lost workflows as surplus ones do not hide each other', async () => {
    const agent = await fleet.online();
    const [lost, gone] = [await fleet.task(agent), await fleet.task(agent)];
    await relay.relayOnce();
    await handleOf(lost).terminate('lost');
    await database.pool.query('DELETE FROM agent_task WHERE id = $1', [gone]);
    await eventually(async () => expect(await count(open)).toBe(1));
    await database.setClock(660);
    expect(await reconciler().remindWorkflows()).toBe(2);
    await relay.relayOnce();
    expect((await handleOf(lost).describe()).status.name).toBe('RUNNING');
    expect(await handleOf(gone).result()).toMatchObject({ status: 'CANCELLED' });
    await database.stores.tasks.cancel(lost, OPERATOR);
    await relay.relayOnce();
    await handleOf(lost).result();
    await eventually(async () => expect(await count(open)).toBe(0));
  });

  it('a workflow that knows an older state is told once its timer is overdue', async () => {
    const agent = await fleet.online();
    const task = await fleet.task(agent);
    await relay.relayOnce();
    await fleet.heartbeat(agent);
    // The hand-over was told, and forgotten with a restored backup.
    await database.pool.query('DELETE FROM agent_task_outbox');
    await database.setClock(150);
    expect(await reconciler().remindWorkflows()).toBe(0);
    await database.setClock(190);
    expect(await reconciler().remindWorkflows()).toBe(1);
    await relay.relayOnce();
    await eventually(async () =>
      expect(await database.stores.tasks.find(task)).toMatchObject({ status: 'PENDING' }),
    );
    await database.stores.tasks.cancel(task, OPERATOR);
    await relay.relayOnce();
    await handleOf(task).result();
    await eventually(async () => expect(await count(open)).toBe(0));
  });
});
