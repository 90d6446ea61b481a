import { FINAL_TASK_STATUSES } from '../../contracts/agent-task/states.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { fc } from '../harness/properties.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { type Step, TaskWorld } from './support/task-world.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
  await fleet.freeze();
});
afterAll(() => database?.dispose());

const FREQUENT: Step['what'][] = [
  'create',
  'heartbeat',
  'start',
  'progress',
  'complete',
  'fail',
  'cancel',
  'hand_over_timer',
  'timeout_timer',
  'wait',
  'expire',
  'relay',
];
const RARE: Step['what'][] = ['wrong_agent', 'relay_fails', 'revoke', 'delete'];

const steps = fc.array(
  fc.record<Step>({
    what: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...FREQUENT) },
      { weight: 1, arbitrary: fc.constantFrom(...RARE) },
    ),
    who: fc.nat(1),
    n: fc.nat(59),
  }),
  { minLength: 1, maxLength: 60 },
);

it('any order of words, timers, edges, duplicates and losses ends each task in one legal final state, fully audited', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const world = await TaskWorld.create(fleet, 2);
      for (const step of [{ what: 'create', who: 0, n: 5 } as const, ...script]) {
        await world.take(step);
        await world.compare();
      }
      await world.finish();
      await world.compare();
      for (const what of ['start', 'complete', 'fail', 'cancel', 'hand_over_timer', 'timeout_timer'] as const)
        for (let n = 0; n < world.model.tasks.length; n += 1) await world.take({ what, who: 0, n });
      await world.compare();
    }),
    { numRuns: 60, endOnFailure: false },
  );
}, 180_000);

const RACERS = ['start', 'complete', 'fail', 'cancel', 'requeue', 'time_out', 'heartbeat', 'expire'] as const;

it('words said at the same time move a task along one unbroken chain to at most one final state', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...RACERS), { minLength: 2, maxLength: 12 }),
      fc.boolean(),
      async (racers, overdue) => {
        await database.setClock(0);
        const agent = await fleet.online();
        const id = await fleet.task(agent, { timeout_seconds: 100 });
        await fleet.heartbeat(agent);
        if (overdue) await database.setClock(1_000);
        await fleet.listen();
        const { tasks } = database.stores;
        const run = {
          start: () => tasks.takeWord(id, agent, { word: 'start' }, 'test'),
          complete: () => tasks.takeWord(id, agent, { word: 'complete', result: {} }, 'test'),
          fail: () => tasks.takeWord(id, agent, { word: 'fail', error_message: 'x', result: null }, 'test'),
          cancel: () => tasks.cancel(id, OPERATOR),
          requeue: () => tasks.requeueLostHandover(id),
          time_out: () => tasks.timeOut(id),
          heartbeat: () => fleet.heartbeat(agent),
          expire: () => fleet.expire(),
        };
        await Promise.all(racers.map((racer) => run[racer]()));
        await expectUnbrokenChain(id);
      },
    ),
    { numRuns: 80 },
  );
}, 120_000);

/** Every state is entered as often as it is left, but for the present one; and no final one is ever left. */
async function expectUnbrokenChain(id: string): Promise<void> {
  const { rows } = await database.pool.query<{ before: string | null; after: string }>(
    `SELECT before ->> 'status' AS before, after ->> 'status' AS after FROM audit_event
     WHERE object_type = 'agent_task' AND object_id = $1 AND kind = 'change'`,
    [id],
  );
  const present = await database.pool.query<{
    status: string;
    version: number;
    queued: number;
    away: boolean;
  }>(
    `SELECT t.status, t.version, a.status = 'OFFLINE' AS away,
       (SELECT count(*) FROM offline_queue_item q WHERE q.task_id = t.id AND q.delivered_at IS NULL) AS queued
     FROM agent_task t JOIN agent a ON a.id = t.agent_id WHERE t.id = $1`,
    [id],
  );
  const [task] = present.rows;
  expect(rows).toHaveLength(task?.version ?? -1);
  const balance = new Map<string, number>();
  const add = (status: string, n: number) => balance.set(status, (balance.get(status) ?? 0) + n);
  for (const { before, after } of rows) {
    add(after, 1);
    if (before !== null) add(before, -1);
  }
  expect([...balance].filter(([, n]) => n !== 0)).toEqual([[task?.status, 1]]);
  expect(rows.filter(({ before }) => FINAL_TASK_STATUSES.some((final) => final === before))).toEqual([]);
  if (task?.status !== 'PENDING') expect(task?.queued).toBe(0);
  else if (task.away) expect(task.queued).toBe(1);
}
