import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { fc } from '../harness/properties.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeEach(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
  await fleet.listen();
});
afterEach(() => database?.dispose());

/** All that may happen to an agent and changes in what it is counted; `n` picks the agent. */
const STEPS = ['enrol', 'beat', 'degrade', 'update', 'silence', 'strain', 'revoke', 'delete'] as const;
const step = fc.record({ what: fc.constantFrom(...STEPS), n: fc.nat(1_000) });

class World {
  #agents: string[] = [];
  #clock = 0;

  async do({ what, n }: { what: (typeof STEPS)[number]; n: number }): Promise<void> {
    const id = this.#agents[n % Math.max(1, this.#agents.length)];
    if (what === 'enrol' || id === undefined) {
      this.#agents.push(
        await fleet.enrol({}, { platform: n % 2 === 0 ? 'linux' : 'windows', agent_version: `1.${n % 3}` }),
      );
      return;
    }
    switch (what) {
      case 'beat':
        await fleet.heartbeat(id);
        return;
      case 'degrade':
        await fleet.heartbeat(id, { status: 'DEGRADED' });
        return;
      case 'update':
        await fleet.heartbeat(id, { agent_version: `2.${n % 2}` });
        return;
      case 'silence':
        this.#clock += 400;
        await database.setClock(this.#clock);
        await fleet.listen();
        await fleet.expire();
        return;
      case 'strain':
        await database.stores.telemetry.add(id, [
          {
            collected_at: new Date(Date.now() + this.#clock * 1_000).toISOString(),
            cpu_percent: n % 2 === 0 ? 99 : 1,
          },
        ]);
        return;
      case 'revoke':
        await database.stores.agents.revoke(id, OPERATOR, 'test');
        return;
      case 'delete':
        await database.stores.agents.delete(id, OPERATOR, 'test');
        this.#agents = this.#agents.filter((other) => other !== id);
        return;
    }
  }
}

/** The summary as it is, and as it would be by counting the agents. */
async function bothSummaries(): Promise<[object, object]> {
  const counted = async (column: string) => {
    const { rows } = await database.pool.query<{ key: string; agents: number }>(
      `SELECT ${column} AS key, count(*) AS agents FROM agent WHERE revoked_at IS NULL GROUP BY 1`,
    );
    return Object.fromEntries(rows.map((row) => [row.key, row.agents]));
  };
  const { rows } = await database.pool.query<{ total: number }>(
    'SELECT count(*) AS total FROM agent WHERE revoked_at IS NULL',
  );
  const expected = {
    total: rows[0]?.total,
    by_status: { ONLINE: 0, OFFLINE: 0, DEGRADED: 0, UNKNOWN: 0, ...(await counted('status')) },
    by_platform: { windows: 0, macos: 0, linux: 0, ...(await counted('platform')) },
    by_agent_version: await counted('agent_version'),
  };
  return [await database.stores.agents.summary(), expected];
}

it('the summary says what counting the agents says, whatever happened to them', async () => {
  const world = new World();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      for (const one of steps) await world.do(one);
      const [said, counted] = await bothSummaries();
      expect(said).toEqual(counted);
    }),
    { numRuns: 12 },
  );
}, 120_000);

it('agents that change side by side lose no count, and folding the ledger changes none', async () => {
  const ids = await Promise.all(Array.from({ length: 40 }, () => fleet.enrol()));
  await Promise.all([
    ...ids.map((id, n) => fleet.heartbeat(id, n % 3 === 0 ? { status: 'DEGRADED' } : {})),
    ...ids.slice(0, 10).map((id) => database.stores.agents.revoke(id, OPERATOR, 'test')),
    ...ids.slice(10, 20).map((id) => database.stores.agents.delete(id, OPERATOR, 'test')),
    ...Array.from({ length: 5 }, () => database.pool.query('SELECT fold_agent_counts()')),
  ]);
  const [said, counted] = await bothSummaries();
  expect(said).toEqual(counted);
  await database.pool.query('SELECT fold_agent_counts()');
  const { rows } = await database.pool.query<{ kinds: number; rows: number }>(
    'SELECT count(DISTINCT (status, platform, agent_version)) AS kinds, count(*) AS rows FROM agent_count',
  );
  expect(rows[0]?.rows).toBe(rows[0]?.kinds);
  expect((await bothSummaries())[0]).toEqual(counted);
});

it('the ledger stays short, however often agents change', async () => {
  const id = await fleet.online();
  for (let n = 0; n < 1_500; n += 1)
    await database.pool.query('UPDATE agent SET agent_version = $2 WHERE id = $1', [id, `1.${n % 2}`]);
  const { rows } = await database.pool.query<{ rows: number }>('SELECT count(*) AS rows FROM agent_count');
  // 3,000 rows were written, and one in 256 folds them: that all of them are left has a chance of 1 in 100,000.
  expect(rows[0]?.rows).toBeLessThan(3_000);
});

it('counting anew mends what happened while triggers were off', async () => {
  await fleet.online();
  await database.pool.query('ALTER TABLE agent DISABLE TRIGGER USER');
  await fleet.online();
  await database.pool.query('ALTER TABLE agent ENABLE TRIGGER USER');
  expect((await database.stores.agents.summary()).total).toBe(1);
  await database.pool.query('SELECT recount_agents()');
  const [said, counted] = await bothSummaries();
  expect(said).toEqual(counted);
});
