import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { agentTaskActivities } from '../../activities/agent-task/activities.ts';
import type { TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';
import { agentTaskWorkflowId } from '../../contracts/temporal.ts';
import { Fleet, OPERATOR } from '../db/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { timeSkippingEnvironment } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { controlPlane, registerSearchAttributes, type TestControlPlane } from '../harness/temporal.ts';
import { countEvents, heldUp, shownOf, unwatched } from './support/history.ts';

let env: TestWorkflowEnvironment;
let database: TestDatabase;
let fleet: Fleet;
let plane: TestControlPlane;
/** What happens between the deed of a timer and the moment at which its workflow hears of it. */
let whileTimerActs: (() => Promise<void>) | undefined;

beforeAll(async () => {
  [env, database] = await Promise.all([timeSkippingEnvironment(), createTestDatabase()]);
  await registerSearchAttributes(env);
  fleet = new Fleet(database);
  const real = agentTaskActivities(database.stores.tasks);
  plane = await controlPlane(env, database, {
    activities: {
      requeueLostHandover: async (snapshot: TaskSnapshot) => {
        const answer = await real.requeueLostHandover(snapshot);
        await whileTimerActs?.();
        return answer;
      },
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  await env?.teardown();
  await database?.dispose();
});
beforeEach(async () => {
  whileTimerActs = undefined;
  await plane.syncClock();
  await fleet.listen();
});

const handleOf = (task: string): WorkflowHandle => plane.client.workflow.getHandle(agentTaskWorkflowId(task));
const say = (task: string, agent: string, word: 'start' | 'complete') =>
  database.stores.tasks.takeWord(
    task,
    agent,
    word === 'start' ? { word } : { word, result: { exit: 0 } },
    'test',
  );

/** A task that has been handed over and whose workflow knows it. */
async function handedOver(
  overrides: Parameters<Fleet['task']>[1] = {},
): Promise<[task: string, agent: string]> {
  const agent = await fleet.online();
  const task = await fleet.task(agent, overrides);
  await plane.relay.relayOnce();
  await fleet.heartbeat(agent);
  await plane.pass(2);
  await plane.relay.relayOnce();
  return [task, agent];
}

const statusOf = async (task: string) => (await fleet.find(task)).status;

/** Milliseconds between two moments of a task. */
async function between(task: string, from: string, to: string): Promise<number> {
  const { rows } = await database.pool.query<{ ms: number }>(
    `SELECT extract(epoch FROM ${to} - ${from}) * 1000 AS ms FROM agent_task WHERE id = $1`,
    [task],
  );
  return Number(rows[0]?.ms);
}

/** Lets time pass until so many seconds after a moment of a task, however long it took to come so far. */
async function passUntil(task: string, from: 'assigned_at' | 'started_at', seconds: number): Promise<void> {
  await plane.syncClock();
  await plane.pass(Math.max(0, seconds - (await between(task, from, 'now()')) / 1_000));
}

it('the happy path takes three workflow tasks: hand-over and start travel as one signal', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  expect(await plane.relay.relayOnce()).toBe(1);
  // Within the moment of grace, however slow the machine.
  await fleet.frozen(async () => {
    await fleet.heartbeat(agent);
    expect(await plane.relay.relayOnce()).toBe(0);
    await say(task, agent, 'start');
    expect(await plane.relay.relayOnce()).toBe(1);
  });
  // Not asked by a query: one that comes while the workflow is at work costs a further task.
  await eventually(async () =>
    expect((await handleOf(task).describe()).searchAttributes['EucoraTaskState']).toEqual(['IN_PROGRESS']),
  );
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  expect(await handleOf(task).result()).toEqual({ status: 'COMPLETED', retry_count: 0 });
  expect(await countEvents(handleOf(task), 'workflowTaskCompletedEventAttributes')).toBe(3);
  expect(await countEvents(handleOf(task), 'activityTaskScheduledEventAttributes')).toBe(0);
});

it('a lost hand-over is handed over again after two intervals, and fails past its retries', async () => {
  const [task, agent] = await handedOver({ max_retries: 1 });
  await passUntil(task, 'assigned_at', 115);
  expect(await statusOf(task)).toBe('ASSIGNED');
  await plane.pass(10);
  await eventually(async () =>
    expect(await fleet.find(task)).toMatchObject({ status: 'PENDING', retry_count: 1 }),
  );
  expect((await fleet.heartbeat(agent)).kind).toBe('accepted');
  expect(await statusOf(task)).toBe('ASSIGNED');
  await plane.pass(2);
  await plane.relay.relayOnce();
  await plane.pass(120);
  expect(await handleOf(task).result()).toEqual({ status: 'FAILED', retry_count: 1 });
  expect(await fleet.find(task)).toMatchObject({
    status: 'FAILED',
    error_message: 'Max retries exceeded',
    retry_count: 1,
  });
  const waited = await between(task, 'assigned_at', 'completed_at');
  expect(waited).toBeGreaterThanOrEqual(120_000);
  expect(waited).toBeLessThan(122_000 + (await heldUp(handleOf(task))));
});

it('a started task times out to the second, and a late word is refused and audited', async () => {
  const [task, agent] = await handedOver({ timeout_seconds: 86_400 });
  await say(task, agent, 'start');
  await plane.relay.relayOnce();
  await passUntil(task, 'started_at', 86_395);
  expect(await statusOf(task)).toBe('IN_PROGRESS');
  await plane.pass(10);
  expect(await handleOf(task).result()).toMatchObject({ status: 'TIMEOUT' });
  expect(await unwatched(handleOf(task))).toEqual([]);
  const waited = await between(task, 'started_at', 'completed_at');
  expect(waited).toBeGreaterThanOrEqual(86_400_000);
  expect(waited).toBeLessThan(86_402_000 + (await heldUp(handleOf(task))));
  expect(await fleet.find(task)).toMatchObject({ error_message: 'Not finished within 86400 seconds' });
  expect(await say(task, agent, 'complete')).toEqual({ kind: 'refused', status: 'TIMEOUT' });
  const { items } = await database.stores.audit.list({ object_id: task, kind: 'refusal', limit: 10 });
  expect(items).toMatchObject([{ action: 'agent_task.complete_refused', before: { status: 'TIMEOUT' } }]);
});

it('completion cancels the timer: no activity runs', async () => {
  const [task, agent] = await handedOver();
  await say(task, agent, 'start');
  await plane.relay.relayOnce();
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  expect(await handleOf(task).result()).toMatchObject({ status: 'COMPLETED' });
  expect(await countEvents(handleOf(task), 'timerFiredEventAttributes')).toBe(0);
  expect(await countEvents(handleOf(task), 'activityTaskScheduledEventAttributes')).toBe(0);
});

describe('an operator cancels', () => {
  const prepare = {
    PENDING: async () => {
      const task = await fleet.task(await fleet.online());
      await plane.relay.relayOnce();
      return task;
    },
    ASSIGNED: async () => (await handedOver())[0],
    IN_PROGRESS: async () => {
      const [task, agent] = await handedOver();
      await say(task, agent, 'start');
      await plane.relay.relayOnce();
      return task;
    },
    'PENDING without a workflow yet': async () => fleet.task(await fleet.online()),
  };
  it.each(Object.entries(prepare))('a task that is %s: the workflow ends CANCELLED', async (_state, make) => {
    const task = await make();
    expect((await database.stores.tasks.cancel(task, OPERATOR)).kind).toBe('cancelled');
    await plane.relay.relayOnce();
    expect(await handleOf(task).result()).toMatchObject({ status: 'CANCELLED' });
    const described = await handleOf(task).describe();
    expect(described.searchAttributes['EucoraTaskState']).toEqual(['CANCELLED']);
  });
});

it('a task for an agent that is away for a week is replayed when it comes back', async () => {
  const agent = await fleet.enrol();
  const task = await fleet.task(agent);
  await plane.relay.relayOnce();
  await eventually(async () => expect((await shownOf(handleOf(task))).details).toContain('offline queue'));
  await plane.pass(7 * 86_400);
  expect(await statusOf(task)).toBe('PENDING');
  expect(await fleet.handOver(agent)).toEqual([task]);
  await say(task, agent, 'start');
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  expect(await handleOf(task).result()).toEqual({ status: 'COMPLETED', retry_count: 0 });
});

it('stale, repeated and reordered snapshots are harmless', async () => {
  const [task, agent] = await handedOver();
  await say(task, agent, 'start');
  const [now] = await database.stores.tasks.snapshots([task]);
  if (now === undefined) throw new Error('The task is gone');
  const stale: TaskSnapshot = { ...now, status: 'ASSIGNED', version: now.version - 1, due_in_ms: 1 };
  const handle = handleOf(task);
  for (const snapshot of [now, stale, now, { ...stale, version: 1, status: 'PENDING' as const }, now])
    await handle.signal('taskChanged', snapshot);
  await eventually(async () =>
    expect(await handle.query('taskSnapshot')).toMatchObject({ status: 'IN_PROGRESS' }),
  );
  await plane.pass(10);
  expect(await handle.query('taskSnapshot')).toMatchObject({ version: now.version, status: 'IN_PROGRESS' });
  expect(await statusOf(task)).toBe('IN_PROGRESS');
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  await handle.result();
});

it('a timer that fires too early by the database’s clock waits for the rest of its time', async () => {
  const [task] = await handedOver({ max_retries: 0 });
  const [now] = await database.stores.tasks.snapshots([task]);
  if (now === undefined) throw new Error('The task is gone');
  await handleOf(task).signal('taskChanged', { ...now, version: now.version + 0, due_in_ms: 5_000 });
  await passUntil(task, 'assigned_at', 110);
  expect(await statusOf(task)).toBe('ASSIGNED');
  await plane.pass(15);
  expect(await handleOf(task).result()).toMatchObject({ status: 'FAILED' });
  expect(await between(task, 'assigned_at', 'completed_at')).toBeGreaterThanOrEqual(120_000);
});

it('the workflow of a task that was deleted with its agent ends', async () => {
  const [told, first] = await handedOver();
  await database.stores.agents.delete(first, OPERATOR, 'test');
  await plane.relay.relayOnce();
  expect(await handleOf(told).result()).toMatchObject({ status: 'CANCELLED' });

  const [untold, second] = await handedOver();
  await database.pool.query('DELETE FROM agent WHERE id = $1', [second]);
  await plane.pass(120);
  expect(await handleOf(untold).result()).toMatchObject({ status: 'CANCELLED' });
});

it('summary, current details and search attribute say where a task stands, in every state', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent, { task_type: 'REMEDIATE' });
  const handle = handleOf(task);
  const shows = (state: string, details: RegExp) =>
    eventually(async () => {
      const shown = await shownOf(handle);
      expect(shown.state).toBe(state);
      expect(shown.details).toMatch(details);
      expect(shown.summary).toBe(`REMEDIATE on linux agent ${agent}`);
    });
  await plane.relay.relayOnce();
  await shows('PENDING', /\*\*PENDING\*\* \(hand-over retries 0 of 3\)\. Waits for the next heartbeat/);
  await fleet.heartbeat(agent);
  await plane.pass(2);
  await plane.relay.relayOnce();
  await shows(
    'ASSIGNED',
    /Handed over; waits for the agent to start\. Counts as lost in (?:1[01]\d|\d\d?) s/,
  );
  await say(task, agent, 'start');
  await plane.relay.relayOnce();
  await shows('IN_PROGRESS', /The agent works on it\. Times out in 3[56]\d\d s/);
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  await handle.result();
  await shows('COMPLETED', /\*\*COMPLETED\*\*.*Ended\./);
});

it('an operator reads that the agent of a running task cannot be reached', async () => {
  const [task, agent] = await handedOver();
  await plane.pass(110);
  await database.pool.query(
    `UPDATE agent_presence SET last_heartbeat_at = now() - interval '1 hour' WHERE agent_id = $1`,
    [agent],
  );
  await fleet.listen();
  await fleet.expire();
  await plane.relay.relayOnce();
  await eventually(async () =>
    expect((await shownOf(handleOf(task))).details).toContain('in its offline queue'),
  );
  await say(task, agent, 'start');
  await plane.relay.relayOnce();
  await eventually(async () =>
    expect((await shownOf(handleOf(task))).details).toContain('works on it, but cannot be reached'),
  );
  await say(task, agent, 'complete');
  await plane.relay.relayOnce();
  await handleOf(task).result();
});

it('a word told while the timer acts is not overwritten by what the timer found', async () => {
  const [task] = await handedOver();
  const handle = handleOf(task);
  whileTimerActs = async () => {
    await database.stores.tasks.cancel(task, OPERATOR);
    await plane.relay.relayOnce();
  };
  await plane.pass(125);
  expect(await handle.result()).toMatchObject({ status: 'CANCELLED' });
});
