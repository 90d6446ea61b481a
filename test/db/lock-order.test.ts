import type { PoolClient } from 'pg';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { OPERATOR } from './support/fleet.ts';
import { Trouble, unique } from './support/incidents.ts';
import { inCircle, untilSomebodyWaits } from './support/locks.ts';
import { Rollouts } from './support/rollout.ts';
import { statementsOf } from './support/statements.ts';

/** Whoever locks several rows does so in the order of their ids, so that nobody waits in a circle. */

const BATCH = '00000000-0000-7000-8000-000000000000';

let database: TestDatabase;
let rollouts: Rollouts;
beforeEach(async () => {
  database = await createTestDatabase({
    EUCORA_CAB_RISK_THRESHOLD: '101',
    EUCORA_INCIDENT_ROLLOUT_WINDOW: '1',
  });
  rollouts = new Rollouts(database);
  await rollouts.fleet.listen();
});
afterEach(() => database?.dispose());

/**
 * Somebody begins, `work` has to wait for that, and then they go on: in a circle, if `work` holds what they need for it.
 *
 * @param steps of somebody's transaction
 */
async function inTheWayOf<T>(
  work: () => Promise<T>,
  ...[begin, goOn]: readonly ((client: PoolClient) => Promise<unknown>)[]
): Promise<T> {
  const other = await database.pool.connect();
  try {
    await other.query('BEGIN');
    await begin?.(other);
    let answer: Promise<T> | undefined;
    const said = await statementsOf(async () => {
      answer = work();
      await untilSomebodyWaits(database.pool);
      await Promise.all([goOn?.(other).then(() => other.query('COMMIT')), answer]);
    });
    // A transaction that loses a deadlock would begin again.
    expect(said.filter((text) => text === 'BEGIN').length).toBeLessThanOrEqual(1);
    return await (answer as unknown as Promise<T>);
  } finally {
    other.release(true);
  }
}

/** Somebody takes two rows by their ids, the lower one first. */
const oneByOne = (text: string, ids: readonly string[]) =>
  [...ids].sort().map((id) => (client: PoolClient) => client.query(text, [id]));

async function tasksOf(agent: string): Promise<string[]> {
  return [await rollouts.fleet.task(agent), await rollouts.fleet.task(agent)].sort();
}

it('expiry locks the agents that go by id, wherever they lie', async () => {
  const agents = (await rollouts.online(2)).sort();
  // What was changed lies behind what was not.
  for (const id of [agents[1], agents[0]]) {
    await database.pool.query('UPDATE agent SET presence_shard = 0 WHERE id = $1', [id]);
    await database.pool.query(
      `UPDATE agent_presence SET shard = 0, last_heartbeat_at = now() - interval '1 day' WHERE agent_id = $1`,
      [id],
    );
  }
  const pass = await inTheWayOf(
    () => database.stores.presence.expireShard(0),
    ...oneByOne('SELECT 1 FROM agent WHERE id = $1 FOR SHARE', agents),
  );
  expect(pass.expired).toBe(2);
});

it('expiry locks the tasks that wait by id, also where their queue has another order', async () => {
  const { fleet } = rollouts;
  const agent = await fleet.online();
  const [low = '', high = ''] = await tasksOf(agent);
  await database.pool.query('UPDATE agent_task SET queue_seq = DEFAULT WHERE id = $1', [low]);
  const { rows } = await database.pool.query<{ shard: number }>(
    `UPDATE agent_presence SET last_heartbeat_at = now() - interval '1 day' WHERE agent_id = $1 RETURNING shard`,
    [agent],
  );
  const pass = await inTheWayOf(
    () => database.stores.presence.expireShard(rows[0]?.shard ?? -1),
    ...oneByOne('SELECT 1 FROM agent_task WHERE id = $1 FOR UPDATE', [low, high]),
  );
  expect(pass.expired).toBe(1);
  const { items } = await database.stores.tasks.offlineQueue({ agent_id: agent, limit: 9 });
  expect(items.map(({ task_id }) => task_id).sort()).toEqual([low, high]);
});

/** A deployment whose devices wait for their tasks, in the opposite order of their ids. */
async function waitingDeployment(devices: number): Promise<{ id: string; agents: string[] }> {
  const agents = (await rollouts.online(devices)).sort();
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
  await rollouts.look(id);
  await database.pool.query(
    `UPDATE deployment_device SET state = 'WAITING', task_id = NULL, sort = CASE agent_id WHEN $2 THEN 1 ELSE 0 END
     WHERE deployment_id = $1`,
    [id, agents[0]],
  );
  return { id, agents };
}

it('a deployment locks the agents that it gives tasks to by id, whatever their turn', async () => {
  const { id, agents } = await waitingDeployment(2);
  const pass = await inTheWayOf(
    () => rollouts.look(id),
    ...oneByOne('UPDATE agent SET updated_at = now() WHERE id = $1', agents),
  );
  expect(pass.devices).toEqual({ DISPATCHED: 2 });
});

it('a deployment does not wait in a circle with the deletion of an agent that it gives a task to', async () => {
  const { id, agents } = await waitingDeployment(1);
  const pass = await inTheWayOf(
    () => rollouts.look(id),
    (client) => client.query('SELECT 1 FROM agent WHERE id = $1 FOR UPDATE', agents),
    (client) => client.query('DELETE FROM agent WHERE id = $1', agents),
  );
  expect(pass.devices).toEqual({});
});

/** Agents before the task of one of them, as expiry locks them. */
const agentsThenTask = (agents: readonly string[], task: string) =>
  [
    (client: PoolClient) =>
      client.query('SELECT 1 FROM agent WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE', [agents]),
    (client: PoolClient) => client.query('SELECT 1 FROM agent_task WHERE id = $1 FOR UPDATE', [task]),
  ] as const;

it('a rollback locks the tasks that it takes back after the agents that it gives tasks to, as expiry does', async () => {
  const [begun = '', other = ''] = await rollouts.online(2);
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline() });
  await rollouts.look(id);
  await rollouts.work(id, ({ agent_id }) => (agent_id === begun ? 'install' : 'ignore'));
  await rollouts.look(id);
  const [waiting] = await rollouts.devices(id, 'DISPATCHED');
  await database.stores.deployments.say(id, 'roll_back', {
    actor: OPERATOR,
    reason: '',
    correlationId: 'test',
  });
  const pass = await inTheWayOf(
    () => rollouts.look(id),
    ...agentsThenTask([begun, other], waiting?.task_id ?? ''),
  );
  expect(pass.devices).toEqual({ ROLLING_BACK: 1, WAITING: 1 });
});

it('an incident locks the tasks that it gives up after the agents that are remedied next', async () => {
  const trouble = new Trouble(rollouts.fleet);
  const { id } = await trouble.waiting(3);
  await trouble.approve(id);
  await trouble.incidents.advance(id);
  const [canary] = await trouble.remedies(id);
  await trouble.run(canary?.agent_id ?? '', canary?.task_id ?? '');
  await trouble.incidents.advance(id);
  await database.setClock(5);
  await trouble.fleet.heartbeat(canary?.agent_id ?? '');
  await database.setClock(125);
  await trouble.incidents.advance(id);
  await database.pool.query(`UPDATE incident_remedy SET give_up_at = now() WHERE state = 'REMEDYING'`);
  const [late] = (await trouble.remedies(id)).filter(({ state }) => state === 'REMEDYING');
  const agents = (await trouble.remedies(id)).map(({ agent_id }) => agent_id);
  await inTheWayOf(() => trouble.incidents.advance(id), ...agentsThenTask(agents, late?.task_id ?? ''));
  expect((await trouble.remedies(id)).map(({ state }) => state).sort()).toEqual([
    'FAILED',
    'HEALTHY',
    'REMEDYING',
  ]);
  expect((await trouble.fleet.find(late?.task_id ?? '')).status).toBe('CANCELLED');
});

it('open tasks whose workflows are reminded are noted by id, wherever they lie', async () => {
  const tasks = await tasksOf(await rollouts.fleet.online());
  // What was changed lies behind what was not.
  await database.pool.query('UPDATE agent_task SET queue_seq = DEFAULT WHERE id = $1', [tasks[0]]);
  await database.pool.query('DELETE FROM agent_task_outbox');
  await inTheWayOf(
    () => database.stores.outbox.remindOpen(0),
    ...oneByOne('INSERT INTO agent_task_outbox VALUES ($1, 1, now())', tasks),
  );
  expect(await database.stores.outbox.lease(9)).toHaveLength(2);
});

describe('whose statement loses a deadlock tries again', () => {
  it('when an attempt to deliver alerts is noted', async () => {
    for (const agent of await rollouts.online(2, { critical: true }))
      await database.pool.query(
        `INSERT INTO alert (id, kind, agent_id, opened_at, delivery, delivery_batch) VALUES (uuid7(), 'agent_offline', $1, now(), 'pending', $2)`,
        [agent, BATCH],
      );
    const { alerts } = database.stores;
    const [first, second] = (await alerts.findBatch(BATCH)).map(({ id }) => id);
    await inCircle(
      database.pool,
      () => alerts.noteAttempt(BATCH, null),
      'SELECT 1 FROM alert WHERE id = $1 FOR UPDATE',
      [first ?? '', second ?? ''],
    );
    expect((await alerts.findBatch(BATCH)).map(({ delivery }) => delivery)).toEqual([
      'delivered',
      'delivered',
    ]);
  });

  it('when workflows of incidents have been told, or are to be told again', async () => {
    const trouble = new Trouble(rollouts.fleet);
    for (const error of ['one', 'other']) await trouble.fail(unique(error));
    const { incidents } = database.stores;
    await incidents.collect();
    const leased = (await incidents.leaseUntold(9)).map(({ id }) => id);
    // As they lie in the table.
    const { rows } = await database.pool.query<{ id: string }>('SELECT id FROM incident ORDER BY ctid');
    const ids = [rows[0]?.id ?? '', rows[1]?.id ?? ''] as const;
    const lock = 'SELECT 1 FROM incident WHERE id = $1 FOR UPDATE';
    await inCircle(database.pool, () => incidents.settleTold(leased), lock, ids);
    expect(await inCircle(database.pool, () => incidents.remindOpen(), lock, ids)).toBe(2);
    expect(await incidents.leaseUntold(9)).toHaveLength(2);
  });
});
