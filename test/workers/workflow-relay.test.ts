import type { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { tellWorkflow, type WorkflowMessage } from '../../db/stores/workflow-outbox.ts';
import { createLogger } from '../../runtime/logger.ts';
import { WorkflowRelay } from '../../workers/control-plane/workflow-relay.ts';
import { Fleet } from '../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let relay: WorkflowRelay;

beforeAll(async () => {
  [server, database] = await Promise.all([devServer(), createTestDatabase()]);
  env = await server.environment();
  relay = relayWith(env.client);
  // What is put off stays so until a test says otherwise, however slow the machine.
  await new Fleet(database).freeze();
});
afterAll(async () => {
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});

function relayWith(client: Client): WorkflowRelay {
  const outbox = database.stores.workflowOutbox;
  return new WorkflowRelay({ client, outbox, logger: createLogger('test', 'silent') });
}

/** Nobody works on the queue: what the workflow was told stands in its history. */
const start = (changes: Partial<Extract<WorkflowMessage, { kind: 'start' }>> = {}): WorkflowMessage => ({
  kind: 'start',
  type: 'toldByRelay',
  taskQueue: 'nobody-works-here',
  args: ['an id'],
  summary: 'Told by the relay',
  details: 'Details',
  searchAttributes: {},
  ...changes,
});
const signal = (name: string): WorkflowMessage => ({ kind: 'signal', signal: name, args: [name] });
const tell = (id: string, ...messages: readonly WorkflowMessage[]) =>
  Promise.all([]).then(async () => {
    for (const message of messages) await tellWorkflow(database.pool, id, message);
  });

async function told(id: string): Promise<string[]> {
  const { events } = await env.client.workflow.getHandle(id).fetchHistory();
  return (events ?? []).flatMap(
    ({ workflowExecutionSignaledEventAttributes, workflowExecutionCancelRequestedEventAttributes }) => [
      ...(workflowExecutionSignaledEventAttributes?.signalName
        ? [workflowExecutionSignaledEventAttributes.signalName]
        : []),
      ...(workflowExecutionCancelRequestedEventAttributes ? ['cancel'] : []),
    ],
  );
}
const left = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ left: number }>(
    'SELECT count(*) AS left FROM workflow_outbox',
  );
  return Number(rows[0]?.left);
};
/** Until nothing is due. */
async function drain(by = relay): Promise<void> {
  while ((await by.relayOnce()) > 0);
}

describe('The relay of words for workflows', () => {
  it('starts, signals and cancels in order, whatever is told in one batch, and leaves nothing', async () => {
    await tell('in-order', start(), signal('one'), signal('two'), { kind: 'cancel' }, signal('three'));
    expect(await relay.relayOnce()).toBe(1);
    await drain();
    expect(await told('in-order')).toEqual(['one', 'two', 'cancel', 'three']);
    expect(await left()).toBe(0);
    const { staticSummary, taskQueue } = await env.client.workflow
      .getHandle('in-order')
      .describe()
      .then(async (described) => ({
        staticSummary: await described.staticSummary(),
        taskQueue: described.taskQueue,
      }));
    expect([staticSummary, taskQueue]).toEqual(['Told by the relay', 'nobody-works-here']);
  });

  it('keeps the order of each with many relays side by side', async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `side-by-side-${index}`);
    const words = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) await tell(id, start(), ...words.map(signal));
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const own = relayWith(env.client);
        // One that finds nothing may only have come while others held it all.
        while ((await left()) > 0) await own.relayOnce();
      }),
    );
    for (const id of ids) expect([id, await told(id)]).toEqual([id, words]);
  });

  it('has told enough where a workflow runs already, has ended, or never was', async () => {
    await tell('twice', start(), start());
    await tell('never-was', signal('lost'), { kind: 'cancel' });
    await drain();
    const first = (await env.client.workflow.getHandle('twice').describe()).runId;
    await env.client.workflow.getHandle('twice').terminate();
    await tell('twice', signal('late'));
    await drain();
    expect(await left()).toBe(0);
    // One that was terminated counts as failed, so that its record may begin it again.
    await tell('twice', start({ again: true }));
    await drain();
    const second = (await env.client.workflow.getHandle('twice').describe()).runId;
    expect(second).not.toBe(first);
  });

  it('tries again later what could not be told, without holding up others', async () => {
    let broken = true;
    const client = new Proxy(env.client, {
      get(target, name) {
        if (name !== 'workflow') return Reflect.get(target, name, target);
        if (!broken) return target.workflow;
        return Object.assign(Object.create(target.workflow), {
          getHandle: () => ({
            signal: async () => {
              throw new Error('the engine is away');
            },
          }),
        });
      },
    });
    await tell('patient', start(), signal('kept'));
    const flaky = relayWith(client);
    expect(await flaky.relayOnce()).toBe(1);
    expect(await flaky.relayOnce()).toBe(1);
    // It waits for its time; meanwhile nobody takes it, and others are told.
    await tell('other', start());
    await drain();
    expect([await told('patient'), await left()]).toEqual([[], 1]);
    const { rows } = await database.pool.query(
      'SELECT attempts, available_at > now() AS waits FROM workflow_outbox',
    );
    expect(rows).toEqual([{ attempts: 1, waits: true }]);
    broken = false;
    await database.pool.query('UPDATE workflow_outbox SET available_at = now()');
    await drain(flaky);
    expect([await told('patient'), await left()]).toEqual([['kept'], 0]);
  });

  it('takes over from a relay that died with its lease', async () => {
    await tell('orphaned', start());
    // It leased and was never heard again.
    expect(await database.stores.workflowOutbox.lease(10)).toHaveLength(1);
    expect(await relay.relayOnce()).toBe(0);
    await database.pool.query(`UPDATE workflow_outbox SET leased_until = now() - interval '1 second'`);
    await drain();
    expect((await env.client.workflow.getHandle('orphaned').describe()).status.name).toBe('RUNNING');
  });

  it('tells nothing whose change was rolled back', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await tellWorkflow(client as never, 'rolled-back', start());
    await client.query('ROLLBACK');
    client.release();
    expect(await relay.relayOnce()).toBe(0);
  });
});
