import { AssistantMemory } from '../../db/stores/incident/assistant-memory.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  // No midnight comes between.
  await new Fleet(database).freeze();
});
afterAll(() => database?.dispose());
afterEach(() => database.setClock(0));

it('keeps answers for their time, replaces them, and forgets old ones', async () => {
  const memory = database.stores.assistantMemory;
  expect(await memory.get('a')).toBeUndefined();
  await memory.put('a', 'one');
  await memory.put('a', 'two');
  expect(await memory.get('a')).toBe('two');
  await database.setClock(24 * 3_600 + 1);
  expect(await memory.get('a')).toBeUndefined();
  await memory.put('b', 'three');
  const { rows } = await database.pool.query('SELECT key FROM ai_answer');
  expect(rows).toEqual([{ key: 'b' }]);
});

it('keeps none when it is told so', async () => {
  const none = new AssistantMemory(database.pool, 0);
  await none.put('none', 'x');
  expect(await none.get('none')).toBeUndefined();
});

it('a day’s tokens are never overspent, however many ask at once; the next day begins anew', async () => {
  const memory = database.stores.assistantMemory;
  expect(await memory.reserve('openai', 101, 100)).toBe(false);
  const taken = await Promise.all(Array.from({ length: 20 }, () => memory.reserve('openai', 10, 100)));
  expect(taken.filter(Boolean)).toHaveLength(10);
  await memory.settle('openai', 10, 4);
  expect(await memory.reserve('openai', 7, 100)).toBe(false);
  expect(await memory.reserve('openai', 6, 100)).toBe(true);
  expect(await memory.reserve('azure', 100, 100)).toBe(true);
  await database.setClock(86_400);
  expect(await memory.reserve('openai', 100, 100)).toBe(true);
});
