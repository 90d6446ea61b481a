import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';

let database: TestDatabase;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database?.dispose());

it('terms that are left over make pages short, and no list', async () => {
  const leave = (count: number) =>
    database.pool.query(
      `INSERT INTO agent_term SELECT chr(1) || 'left', uuid7() FROM generate_series(1, $1::int)`,
      [count],
    );
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    ids.unshift(await fleet.enrol({ left: true }));
    await leave(4);
  }
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await database.stores.agents.list({ tag: 'left', limit: 2, cursor });
    found.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  expect(found).toEqual(ids);
});

it.each(['İSTANBUL-ÉÖ', 'ΟΔΟΣ', 'ΟΔΟΣ-ΣΑΣ', 'İİİ', 'İ_%\\'])(
  'a hostname is found by itself and by its parts, whatever its lower case is: %s',
  async (hostname) => {
    const id = await fleet.enrol({}, { hostname });
    const find = async (part: string) =>
      (await database.stores.agents.list({ hostname: part, limit: 500 })).items.map((agent) => agent.id);
    const characters = [...hostname];
    for (const length of [1, 3, 4, 5, 6])
      expect(await find(characters.slice(0, length).join(''))).toContain(id);
    expect(await find(hostname)).toEqual(expect.arrayContaining([id]));
    expect(await find(`${hostname}x`)).not.toContain(id);
  },
);
