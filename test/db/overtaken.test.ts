import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { inTransaction } from '../../db/database.ts';
import { applyEdges } from '../../db/stores/agent-presence/edges.ts';
import { expireShard } from '../../db/stores/agent-presence/expiry.ts';
import { handOverTasks } from '../../db/stores/agent-presence/hand-over.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { untilSomebodyWaits } from './support/locks.ts';
import { overtaken, waitingForLocks } from './support/overtaken.ts';

/** A statement sees everything as of its beginning, except the rows whose locks it waited for. */

let database: TestDatabase;
let fleet: Fleet;
beforeEach(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
  await fleet.listen();
});
afterEach(() => database?.dispose());

const RULES = { offlineAfterSeconds: 300, intakeSilenceSeconds: 15, alertsDelivered: true };

/** Its silence is over. @returns its shard */
async function fallSilent(agentId: string): Promise<number> {
  const { rows } = await database.pool.query<{ shard: number }>(
    `UPDATE agent_presence SET last_heartbeat_at = now() - interval '301 seconds' WHERE agent_id = $1 RETURNING shard`,
    [agentId],
  );
  return rows[0]?.shard ?? -1;
}

/** Its silence is over, and the expiry that takes it OFFLINE has not ended yet when `later` begins. */
async function whileExpiring<T>(agentId: string, later: () => Promise<T>): Promise<T> {
  const shard = await fallSilent(agentId);
  return overtaken(database, (pool) => expireShard(pool, shard, RULES), later);
}

/** Its hand-over was so long ago that it counts as lost. */
async function loseHandover(task: string): Promise<void> {
  await database.pool.query(`UPDATE agent_task SET assigned_at = now() - interval '1 hour' WHERE id = $1`, [
    task,
  ]);
}

/** A task that its agent has although it waits again: its hand-over had been given up. */
async function putBack(): Promise<{ id: string; task: string }> {
  const id = await fleet.online();
  const task = await fleet.task(id);
  await fleet.handOver(id);
  await loseHandover(task);
  await database.stores.tasks.requeueLostHandover(task);
  return { id, task };
}

const inQueue = async (agent_id: string) =>
  (await database.stores.tasks.offlineQueue({ agent_id, delivered: false, limit: 9 })).items;

/** An agent's state as operators and as heartbeats see it, and as the audit tells it. */
async function statesOf(agentId: string) {
  const { rows } = await database.pool.query<{ agent: string; presence: string; offline_since: Date | null }>(
    `SELECT a.status AS agent, p.status AS presence, a.offline_since
     FROM agent a JOIN agent_presence p ON p.agent_id = a.id WHERE a.id = $1`,
    [agentId],
  );
  const { items } = await database.stores.audit.list({
    object_id: agentId,
    action: 'agent.status',
    limit: 9,
  });
  return { ...rows[0], audit: items.map(({ after }) => after?.['status']) };
}

const ONLINE = { agent: 'ONLINE', presence: 'ONLINE', offline_since: null };

describe('what a heartbeat says while its agent expires', () => {
  it('brings the agent back everywhere, and ends the alert that expiry has just opened', async () => {
    const id = await fleet.online({ critical: true });
    await whileExpiring(id, () =>
      applyEdges(database.pool, [{ agentId: id, heartbeat: { agent_version: '1.0.1' } }]),
    );
    expect(await statesOf(id)).toEqual({ ...ONLINE, audit: ['ONLINE', 'OFFLINE', 'ONLINE'] });
    expect((await database.stores.agents.find(id))?.agent_version).toBe('1.0.1');
    const { items } = await database.stores.alerts.list({ agent_id: id, limit: 9 });
    expect(items).toEqual([expect.objectContaining({ resolved_at: expect.any(String) })]);
  });

  it('is told anew for those agents only, and audited once for each', async () => {
    const [id, other] = [await fleet.online(), await fleet.online()];
    const said = { status: 'DEGRADED' as const };
    await whileExpiring(id, () =>
      applyEdges(
        database.pool,
        [id, other].map((agentId) => ({ agentId, heartbeat: said })),
      ),
    );
    expect((await statesOf(id)).audit).toEqual(['DEGRADED', 'OFFLINE', 'ONLINE']);
    expect((await statesOf(other)).audit).toEqual(['DEGRADED', 'ONLINE']);
  });

  it('hands over at once what expiry has just put back', async () => {
    const id = await fleet.online();
    const task = await fleet.task(id);
    expect(await fleet.handOver(id)).toEqual([task]);
    expect(await whileExpiring(id, () => fleet.handOver(id))).toEqual([task]);
    expect(await statesOf(id)).toMatchObject(ONLINE);
  });
});

it('telemetry of a machine whose agent gets well at the same moment leaves it DEGRADED everywhere', async () => {
  const id = await fleet.online();
  await fleet.heartbeat(id, { status: 'DEGRADED' });
  await overtaken(
    database,
    (pool) => inTransaction(pool, (client) => applyEdges(client, [{ agentId: id, heartbeat: {} }])),
    () => database.stores.telemetry.add(id, [{ collected_at: new Date().toISOString(), cpu_percent: 99 }]),
  );
  expect(await statesOf(id)).toEqual({
    agent: 'DEGRADED',
    presence: 'DEGRADED',
    offline_since: null,
    audit: ['DEGRADED', 'ONLINE', 'DEGRADED', 'ONLINE'],
  });
});

it('a task that is cancelled while its agent expires leaves nothing in the offline queue', async () => {
  const id = await fleet.online();
  const task = await fleet.task(id);
  await whileExpiring(id, () => database.stores.tasks.cancel(task, OPERATOR));
  expect((await fleet.find(task)).status).toBe('CANCELLED');
  expect((await database.stores.tasks.offlineQueue({ agent_id: id, limit: 9 })).items).toEqual([]);
});

describe('a task that its agent starts while the agent expires', () => {
  const start = (task: string, agent: string) =>
    whileExpiring(agent, () => database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test'));

  it('is put back by the expiry, taken up all the same, and leaves nothing in the offline queue', async () => {
    const id = await fleet.online();
    const task = await fleet.task(id);
    await fleet.handOver(id);
    expect(await start(task, id)).toMatchObject({ kind: 'taken', task: { status: 'IN_PROGRESS' } });
    expect(await inQueue(id)).toEqual([]);
  });

  it('does so as well when its hand-over had been given up before', async () => {
    const { id, task } = await putBack();
    expect((await fleet.find(task)).status).toBe('PENDING');
    expect(await start(task, id)).toMatchObject({ kind: 'taken', task: { status: 'IN_PROGRESS' } });
    expect(await inQueue(id)).toEqual([]);
  });
});

it('a task that was put back is started also while it is handed over once more', async () => {
  const { id, task } = await putBack();
  const answer = await overtaken(
    database,
    (pool) => inTransaction(pool, (client) => handOverTasks(client as unknown as Pool, [id])),
    () => database.stores.tasks.takeWord(task, id, { word: 'start' }, 'test'),
  );
  expect(answer).toMatchObject({ kind: 'taken', task: { status: 'IN_PROGRESS' } });
});

it('a lost hand-over is put back by what its agent is then: one that comes back gets the task at once', async () => {
  const id = await fleet.online();
  const task = await fleet.task(id);
  await expireShard(database.pool, await fallSilent(id), RULES);
  // An API that was halted for longer than the silence does now what it was about to do.
  await handOverTasks(database.pool, [id]);
  await loseHandover(task);
  const other = await database.pool.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM agent_task WHERE id = $1 FOR UPDATE', [task]);
    const putBack = database.stores.tasks.requeueLostHandover(task);
    await untilSomebodyWaits(database.pool);
    let heard = false;
    const got = fleet.handOver(id).finally(() => {
      heard = true;
    });
    while (!heard && (await waitingForLocks(database.pool)) < 2) await delay(20);
    await other.query('ROLLBACK');
    await putBack;
    expect(await got).toEqual([task]);
  } finally {
    other.release();
  }
  expect(await inQueue(id)).toEqual([]);
});
