import { setTimeout as delay } from 'node:timers/promises';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { agentTaskWorkflowId } from '../../contracts/temporal.ts';
import { createLogger } from '../../runtime/logger.ts';
import { openClient } from '../../runtime/temporal.ts';
import { TaskRelay, type TaskRelayOptions } from '../../workers/control-plane/task-relay.ts';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { Fleet, OPERATOR } from '../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { countEvents } from '../workflows/support/history.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let fleet: Fleet;
let relay: TaskRelay;

beforeAll(async () => {
  [server, database] = await Promise.all([devServer(), createTestDatabase()]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
  fleet = new Fleet(database);
  // Moments of grace and pauses pass by the clock alone, however slow the machine.
  await fleet.freeze();
});
afterAll(async () => {
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});
beforeEach(async () => {
  await database.setClock(0);
  await database.pool.query('DELETE FROM agent_task_outbox');
  relay = relayWith();
});

function relayWith(options: Partial<TaskRelayOptions> = {}): TaskRelay {
  const { outbox, tasks } = database.stores;
  return new TaskRelay({
    client: env.client,
    outbox,
    tasks,
    logger: createLogger('test', 'silent'),
    ...options,
  });
}

const handleOf = (task: string) => env.client.workflow.getHandle(agentTaskWorkflowId(task));
const signals = (task: string) => countEvents(handleOf(task), 'workflowExecutionSignaledEventAttributes');
const waiting = async () => (await database.stores.outbox.backlog()).waiting;

it('a new task gets its workflow, which an operator finds by agent and state', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  expect(await relay.relayOnce()).toBe(1);
  expect(await waiting()).toBe(0);
  expect(await relay.relayOnce()).toBe(0);
  const described = await handleOf(task).describe();
  expect(described).toMatchObject({ type: 'agentTask', status: { name: 'RUNNING' } });
  expect(await described.staticSummary()).toBe(`COLLECT on linux agent ${agent}`);
  await eventually(async () =>
    expect(
      await env.client.workflow.count(`EucoraAgentId = '${agent}' AND EucoraTaskState = 'PENDING'`),
    ).toMatchObject({ count: 1 }),
  );
});

it('hand-over and start shortly after each other travel as one signal', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  await relay.relayOnce();
  await fleet.heartbeat(agent);
  expect(await relay.relayOnce()).toBe(0);
  await database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
  expect(await relay.relayOnce()).toBe(1);
  await database.setClock(3);
  expect(await relay.relayOnce()).toBe(0);
  expect(await signals(task)).toBe(1);
});

it('a hand-over without a start is told after its moment of grace', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  await relay.relayOnce();
  await fleet.heartbeat(agent);
  await database.setClock(2.5);
  expect(await relay.relayOnce()).toBe(1);
  expect(await signals(task)).toBe(1);
});

it('a task that moved on before anyone heard of it gets its workflow with the newest state', async () => {
  const task = await fleet.task(await fleet.online());
  await database.stores.tasks.cancel(task, OPERATOR);
  await relay.relayOnce();
  expect((await handleOf(task).describe()).searchAttributes['EucoraTaskState']).toEqual(['CANCELLED']);
  expect(await waiting()).toBe(0);
});

it('a lease that was lost after the start leads to a signal and not to a second workflow', async () => {
  const task = await fleet.task(await fleet.online());
  await relay.relayOnce();
  await remind(task);
  await relay.relayOnce();
  expect(await signals(task)).toBe(1);
  expect(await waiting()).toBe(0);
});

it('an open task whose workflow was terminated gets another one', async () => {
  const task = await fleet.task(await fleet.online());
  await relay.relayOnce();
  await handleOf(task).terminate('by an operator');
  await remind(task);
  await relay.relayOnce();
  expect((await handleOf(task).describe()).status.name).toBe('RUNNING');
});

it('a task that has ended, whose workflow has ended as well, is not started again', async () => {
  const task = await fleet.task(await fleet.online());
  await relay.relayOnce();
  await handleOf(task).terminate();
  await database.stores.tasks.cancel(task, OPERATOR);
  await relay.relayOnce();
  expect((await handleOf(task).describe()).status.name).toBe('TERMINATED');
  expect(await waiting()).toBe(0);
});

it('the workflow of a deleted task is told once, and one that never was is not started', async () => {
  const agent = await fleet.online();
  const [told, untold] = [await fleet.task(agent), await fleet.task(agent)];
  await relay.relayOnce();
  await remind(untold);
  await handleOf(untold).terminate();
  await database.stores.agents.delete(agent, OPERATOR, 'test');
  await relay.relayOnce();
  expect(await signals(told)).toBe(1);
  expect((await handleOf(untold).describe()).status.name).toBe('TERMINATED');
  expect(await waiting()).toBe(0);
});

it('what happens while the workflow is being told is told afterwards', async () => {
  const task = await fleet.task(await fleet.online());
  const { outbox } = database.stores;
  const [entry] = await outbox.lease(10);
  await database.stores.tasks.cancel(task, OPERATOR);
  await outbox.settle(entry === undefined ? [] : [entry]);
  expect(await outbox.lease(10)).toMatchObject([{ taskId: task, version: 2, attempts: 1 }]);
});

it('while Temporal is away entries are kept, with growing pauses, and delivered when it is back', async () => {
  const { client: unreachable, connection } = openClient({
    connection: { address: '127.0.0.1:1' },
    namespace: 'default',
  });
  const away = relayWith({ client: unreachable });
  const task = await fleet.task(await fleet.online());
  const pauses = [];
  for (const clock of [0, 10, 20]) {
    await database.setClock(clock);
    expect(await away.relayOnce()).toBe(1);
    const { rows } = await database.pool.query<{ seconds: number }>(
      'SELECT extract(epoch FROM available_at - now()) AS seconds FROM agent_task_outbox',
    );
    pauses.push(Number(rows[0]?.seconds));
  }
  expect(pauses).toEqual([0.5, 1, 2]);
  expect(await relay.relayOnce()).toBe(0);
  await database.setClock(30);
  expect(await relay.relayOnce()).toBe(1);
  expect((await handleOf(task).describe()).status.name).toBe('RUNNING');
  await connection.close();
});

it('relays side by side tell each workflow once', async () => {
  const agent = await fleet.online();
  const made = await Promise.all(Array.from({ length: 250 }, () => fleet.task(agent)));
  const relays = [relay, relayWith()];
  for (const one of relays) one.start();
  for (const one of relays) one.start();
  await eventually(async () => expect(await waiting()).toBe(0));
  await Promise.all(relays.map((one) => one.stop()));
  await eventually(async () =>
    expect(await env.client.workflow.count(`EucoraAgentId = '${agent}'`)).toMatchObject({
      count: made.length,
    }),
  );
  expect(await signals(made[0] ?? '')).toBe(0);
});

it('an outbox that cannot be read is tried again, and stopping does not wait for the pause', async () => {
  let reads = 0;
  const broken = relayWith({
    outbox: {
      lease: () => {
        reads += 1;
        return Promise.reject(new Error('Postgres is away'));
      },
    } as unknown as TaskRelayOptions['outbox'],
  });
  broken.start();
  await eventually(() => expect(reads).toBeGreaterThanOrEqual(2));
  const before = reads;
  await broken.stop();
  expect(reads).toBe(before);
  await delay(1_200);
  expect(reads).toBe(before);
});

/** As if nobody had noted that the workflow was told. */
async function remind(task: string): Promise<void> {
  await database.pool.query(
    `INSERT INTO agent_task_outbox (task_id, version, available_at) VALUES ($1, 1, now())`,
    [task],
  );
}
