import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.dispose());

it('are UUIDs of version 7, made at the time that they tell', async () => {
  const { rows } = await database.pool.query<{ id: string; before: string; after: string }>(
    `SELECT uuid7() AS id, extract(epoch FROM before) * 1000 AS before, extract(epoch FROM clock_timestamp()) * 1000 AS after
     FROM (SELECT clock_timestamp() AS before OFFSET 0) clock`,
  );
  const [made] = rows;
  expect(made?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const milliseconds = Number.parseInt(made?.id.replace('-', '').slice(0, 12) ?? '', 16);
  expect(milliseconds).toBeGreaterThanOrEqual(Math.floor(Number(made?.before)));
  expect(milliseconds).toBeLessThanOrEqual(Number(made?.after));
});

it('that are made one after the other are in that order, many in a millisecond', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 300; n += 1) {
    const { rows } = await database.pool.query<{ id: string }>('SELECT uuid7() AS id');
    ids.push(rows[0]?.id ?? '');
  }
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
});
