import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { statementsOf } from './support/statements.ts';

const CONTENT = { task_type: 'COLLECT', payload: { a: 1 }, timeout_seconds: 60, max_retries: 1 } as const;
const ORIGIN = { actor: OPERATOR, correlationId: 'test' };

let database: TestDatabase;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database?.dispose());

const create = (agent_id: string, idempotencyKey?: string, content: object = {}) =>
  database.stores.tasks.create({ agent_id, ...CONTENT, ...content }, { ...ORIGIN, idempotencyKey });

it('a request repeated with its key is the same task, also when both come at once', async () => {
  const agent = await fleet.enrol();
  const both = await Promise.all([create(agent, 'key-1'), create(agent, 'key-1'), create(agent, 'key-1')]);
  expect(both.map((creation) => creation.kind).sort()).toEqual(['created', 'existing', 'existing']);
  expect(await create(agent, 'key-1')).toMatchObject({ kind: 'existing' });
  expect((await database.stores.tasks.list({ agent_id: agent, limit: 10 })).items).toHaveLength(1);
});

it('a key that was used for another request is refused', async () => {
  const agent = await fleet.enrol();
  await create(agent, 'key-2');
  expect(await create(agent, 'key-2', { timeout_seconds: 61 })).toEqual({ kind: 'key_reused' });
});

it('nobody creates tasks for an agent that is unknown or revoked', async () => {
  expect(await create(randomUUID())).toEqual({ kind: 'no_agent' });
  const agent = await fleet.enrol();
  await database.stores.agents.revoke(agent, OPERATOR, 'test');
  expect(await create(agent)).toEqual({ kind: 'agent_revoked' });
});

it('a selection gets one task an agent, in as many statements for many as for one', async () => {
  const ids: string[] = [];
  while (ids.length < 12) ids.push(await fleet.enrol({ ring: 'one' }));
  await database.stores.agents.revoke(ids[0] ?? '', OPERATOR, 'test');
  const request = { selection: { tag: 'ring=one' }, ...CONTENT };
  expect(await database.stores.tasks.createForSelection(request, ORIGIN, true)).toBe(11);
  expect((await database.stores.tasks.list({ agent_id: ids[1], limit: 10 })).items).toEqual([]);
  const origin = { ...ORIGIN, correlationId: 'bulk' };
  const statements = await statementsOf(async () => {
    expect(await database.stores.tasks.createForSelection(request, origin, false)).toBe(11);
  });
  expect(statements.length).toBeLessThanOrEqual(4);
  const { items } = await database.stores.tasks.list({ correlation_id: 'bulk', limit: 50 });
  expect(new Set(items.map((task) => task.agent_id))).toEqual(new Set(ids.slice(1)));
});

it('a selection of named agents takes no others', async () => {
  const [one, two] = [await fleet.enrol(), await fleet.enrol()];
  const request = { selection: { agent_ids: [one, randomUUID()] }, ...CONTENT };
  expect(await database.stores.tasks.createForSelection(request, ORIGIN, false)).toBe(1);
  expect((await database.stores.tasks.list({ agent_id: two, limit: 10 })).items).toEqual([]);
});

it('a selection beyond the limit creates nothing', async () => {
  await database.pool.query(
    `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
       presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
     SELECT uuid7(), 'many:' || n, 'many-' || n, 'many', 'windows', '', '1', 'UNKNOWN', 0, now(), '{}', '{}', now(), now()
     FROM generate_series(1, 10001) n`,
  );
  const request = { selection: { platform: 'windows' }, ...CONTENT } as const;
  expect(await database.stores.tasks.createForSelection(request, ORIGIN, false)).toBe('too_many');
  const { rows } = await database.pool.query(
    `SELECT 1 FROM agent_task t JOIN agent a ON a.id = t.agent_id WHERE a.platform = 'windows'`,
  );
  expect(rows).toEqual([]);
});

it('retrying makes a new task with the content of one that has ended, and of no other', async () => {
  const agent = await fleet.enrol();
  const task = await fleet.task(agent, { payload: { x: 2 } });
  const { tasks } = database.stores;
  expect(await tasks.retry(randomUUID(), ORIGIN)).toEqual({ kind: 'not_found' });
  expect(await tasks.retry(task, ORIGIN)).toEqual({ kind: 'not_final', status: 'PENDING' });
  await tasks.cancel(task, OPERATOR);
  const retried = await tasks.retry(task, ORIGIN);
  expect(retried).toMatchObject({
    kind: 'created',
    task: { retry_of: task, payload: { x: 2 }, status: 'PENDING' },
  });
});

it('cancelling an unknown task is told', async () => {
  expect(await database.stores.tasks.cancel(randomUUID(), OPERATOR)).toEqual({ kind: 'not_found' });
});

it('a word on another agent’s task is not found, and audited as a security event', async () => {
  const [owner, other] = [await fleet.online(), await fleet.online()];
  const task = await fleet.task(owner);
  expect(await database.stores.tasks.takeWord(task, other, { word: 'start' }, 'c')).toEqual({
    kind: 'not_found',
  });
  expect(await database.stores.tasks.takeWord(randomUUID(), other, { word: 'start' }, 'c')).toEqual({
    kind: 'not_found',
  });
  const { items } = await database.stores.audit.list({ object_id: task, kind: 'security', limit: 10 });
  expect(items).toMatchObject([
    { action: 'security.wrong_agent', actor_id: other, after: { word: 'start' } },
  ]);
});

it('progress is kept without a change of state, and a failure keeps its result', async () => {
  const agent = await fleet.online();
  const task = await fleet.task(agent);
  await fleet.heartbeat(agent);
  const { tasks } = database.stores;
  await tasks.takeWord(task, agent, { word: 'start' }, 'c');
  await tasks.takeWord(task, agent, { word: 'progress', percent: 40, message: 'half' }, 'c');
  await tasks.takeWord(task, agent, { word: 'progress', percent: null, message: null }, 'c');
  expect(await fleet.find(task)).toMatchObject({ progress_percent: 40, progress_message: 'half' });
  await tasks.takeWord(task, agent, { word: 'fail', error_message: 'no', result: { exit: 2 } }, 'c');
  expect(await fleet.find(task)).toMatchObject({
    status: 'FAILED',
    error_message: 'no',
    result: { exit: 2 },
  });
  expect(await tasks.listForAgent(agent, { status: 'FAILED', limit: 5 })).toMatchObject([{ id: task }]);
});
