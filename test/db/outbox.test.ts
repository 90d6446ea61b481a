import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';
import { untilSomebodyWaits } from './support/locks.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database.dispose());
beforeEach(() => database.pool.query('DELETE FROM agent_task_outbox'));

const leased = async () =>
  (await database.stores.outbox.lease(10)).map(({ taskId, version }) => ({ taskId, version }));

it('a change that commits while its earlier version is settled is due at once', async () => {
  const task = await fleet.task(await fleet.enrol());
  const entries = await database.stores.outbox.lease(10);
  expect(entries).toMatchObject([{ taskId: task, version: 1 }]);
  const mover = await database.pool.connect();
  await mover.query('BEGIN');
  await mover.query('UPDATE agent_task_outbox SET version = 2 WHERE task_id = $1', [task]);
  const settled = database.stores.outbox.settle(entries);
  await untilSomebodyWaits(database.pool);
  await mover.query('COMMIT');
  mover.release();
  await settled;
  expect(await leased()).toEqual([{ taskId: task, version: 2 }]);
});

it('what was told is gone, what was given back is due again later', async () => {
  const agent = await fleet.enrol();
  const [told, failed] = [await fleet.task(agent), await fleet.task(agent)];
  const entries = await database.stores.outbox.lease(10);
  const of = (id: string) => entries.filter(({ taskId }) => taskId === id);
  await database.stores.outbox.settle(of(told));
  await database.stores.outbox.release(of(failed), 60_000);
  expect(await leased()).toEqual([]);
  await database.setClock(61);
  expect(await leased()).toEqual([{ taskId: failed, version: 1 }]);
  await database.setClock(0);
});

it('moves of many tasks and settling them in another order do not lose each other’s locks', async () => {
  const agents = await Promise.all(Array.from({ length: 12 }, () => fleet.online()));
  for (let round = 0; round < 8; round += 1) {
    const tasks = await Promise.all(agents.map((agent) => fleet.task(agent)));
    const entries = await database.stores.outbox.lease(50);
    await Promise.all([
      database.stores.outbox.settle(entries.toReversed()),
      ...agents.map((agent) => fleet.heartbeat(agent)),
    ]);
    await Promise.all(
      tasks.map((task) => database.stores.tasks.cancel(task, { type: 'operator', id: 'test' })),
    );
  }
  const backlog = await database.stores.outbox.backlog();
  expect(backlog.waiting).toBeGreaterThan(0);
});
