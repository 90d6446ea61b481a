import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeEach(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
  // Deadlines are hit to the second, however slow the machine.
  await fleet.freeze();
});
afterEach(() => database?.dispose());

const beat = () => database.stores.presence.beatIntake();

/** An API that listens: it beats every five seconds until then. */
async function listensUntil(seconds: number, from: number): Promise<void> {
  for (let at = from; at < seconds; at += 5) {
    await database.setClock(at);
    await beat();
  }
  await database.setClock(seconds);
  await beat();
}

it('nobody expires before an API has ever listened', async () => {
  await fleet.online();
  await database.setClock(10_000);
  expect(await fleet.expire()).toMatchObject({ expired: 0, nextInMs: 300_000 });
});

it('nobody expires while nobody listens, however long', async () => {
  await beat();
  await fleet.online();
  await database.setClock(86_400);
  expect(await fleet.expire()).toMatchObject({ expired: 0, nextInMs: 300_000 });
});

it('while nobody listens, agents keep what they had left of their time', async () => {
  await beat();
  await fleet.online();
  await listensUntil(100, 0);
  await database.setClock(5_000);
  const { expired, nextInMs } = await fleet.expire();
  expect(expired).toBe(0);
  expect(nextInMs).toBe(200_000);
});

it('deadlines move by exactly the outage', async () => {
  await beat();
  const id = await fleet.online();
  await listensUntil(100, 0);
  await database.setClock(1_100);
  expect(await beat()).toBe(1_000_000);
  // 100 s were used up before the outage: 200 are left after it.
  await database.setClock(1_299);
  await fleet.listen();
  expect(await fleet.expire()).toMatchObject({ expired: 0, nextInMs: 1_000 });
  await database.setClock(1_300);
  await fleet.listen();
  expect((await fleet.expire()).expired).toBe(1);
  expect((await database.stores.agents.find(id))?.status).toBe('OFFLINE');
});

it('several outages add up; one from before the last heartbeat does not count', async () => {
  await beat();
  await database.setClock(1_000);
  await beat();
  await fleet.online();
  await database.setClock(1_100);
  expect(await beat()).toBe(100_000);
  await database.setClock(1_200);
  expect(await beat()).toBe(100_000);
  await database.setClock(1_499);
  await fleet.listen();
  expect((await fleet.expire()).expired).toBe(0);
  await database.setClock(1_500);
  await fleet.listen();
  expect((await fleet.expire()).expired).toBe(1);
});

it('a pause shorter than the allowed silence is no outage', async () => {
  await beat();
  await database.setClock(14);
  expect(await beat()).toBe(0);
});

it('several APIs that beat at once record an outage once', async () => {
  await beat();
  await database.setClock(500);
  await Promise.all([beat(), beat(), beat(), beat()]);
  const { rows } = await database.pool.query('SELECT * FROM intake_outage');
  expect(rows).toHaveLength(1);
});

it('a fleet that comes back together after an outage stays ONLINE without an edge', async () => {
  await beat();
  const ids = [];
  while (ids.length < 50) ids.push(await fleet.online());
  await database.setClock(3_600);
  await beat();
  const answers = await Promise.all(ids.map((id) => fleet.heartbeat(id)));
  expect(answers.every((answer) => answer.kind === 'accepted' && answer.status === 'ONLINE')).toBe(true);
  expect((await fleet.expire()).expired).toBe(0);
  const { items } = await database.stores.audit.list({ action: 'agent.status', limit: 200 });
  expect(items).toHaveLength(50);
});
