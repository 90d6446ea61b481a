import type { AgentListQuery } from '../../contracts/agent/agent.ts';
import type { TaskListQuery } from '../../contracts/agent-task/task.ts';
import type { Page } from '../../contracts/http/common.ts';
import { LOOKED_AT } from '../../db/stores/bounded-page.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

/** More than two pages look at, so that walks go through pages that were cut. */
const ROWS = 2 * LOOKED_AT.byKey + 500;

let database: TestDatabase;
let agentId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
       presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
     SELECT uuid7(), 'bulk:' || n, 'bulk-' || n, (ARRAY['ab', 'cd', 'ef'])[1 + n % 3] || '-host-' || n,
       CASE WHEN n % 10 = 0 THEN 'linux' ELSE 'windows' END, '', CASE WHEN n % 4 = 0 THEN '1.0' ELSE '2.0' END,
       (ARRAY['ONLINE', 'ONLINE', 'ONLINE', 'OFFLINE', 'DEGRADED', 'UNKNOWN'])[1 + n / 7 % 6], n % 8, now(),
       jsonb_build_object('site', n % 5) || CASE WHEN n % 1000 = 1 THEN '{"rare": true}'::jsonb ELSE '{}' END, '{}', now(), now()
     FROM generate_series(1, $1::int) n`,
    [ROWS],
  );
  await database.pool.query(
    `INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id)
     SELECT id, CASE WHEN hardware_id LIKE 'bulk-%77' THEN '2026-01-01'::timestamptz ELSE '2026-06-01' END,
       presence_shard, status, agent_version, hardware_id FROM agent`,
  );
  const { rows } = await database.pool.query<{ id: string }>('SELECT id FROM agent LIMIT 1');
  agentId = rows[0]?.id ?? '';
  await database.pool.query(
    `INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id, created_by, created_at)
     SELECT uuid7(), $2, CASE WHEN n % 50 = 0 THEN 'UPDATE' ELSE 'COLLECT' END,
       CASE WHEN n % 2 = 0 THEN 'COMPLETED' ELSE 'FAILED' END, '{}', 60, 3, 'c-' || n % 3, 'bulk', now()
     FROM generate_series(1, $1::int) n`,
    [ROWS, agentId],
  );
  await database.pool.query('ANALYZE');
}, 120_000);
afterAll(() => database?.dispose());

/** All items of a list by its pages, each of which must end. */
async function walk(
  read: (cursor: string | undefined) => Promise<Page<{ id: string }>>,
): Promise<{ ids: string[]; pages: number[] }> {
  const ids: string[] = [];
  const pages: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    pages.push(page.items.length);
    ids.push(...page.items.map((item) => item.id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return { ids, pages };
}

async function fitting(table: string, condition: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `SELECT id FROM ${table} WHERE ${condition} ORDER BY id DESC`,
  );
  return rows.map((row) => row.id);
}

const BY_PRESENCE = 'agent a JOIN agent_presence p ON p.agent_id = a.id';

it.each<[Partial<AgentListQuery>, string]>([
  [{}, 'true'],
  [{ status: 'OFFLINE' }, `status = 'OFFLINE'`],
  [{ status: 'OFFLINE', platform: 'linux' }, `status = 'OFFLINE' AND platform = 'linux'`],
  [
    { is_online: false, agent_version: '1.0', platform: 'linux' },
    `status IN ('OFFLINE', 'UNKNOWN') AND agent_version = '1.0' AND platform = 'linux'`,
  ],
  [{ is_online: true }, `status IN ('ONLINE', 'DEGRADED')`],
  [{ is_online: false }, `status IN ('OFFLINE', 'UNKNOWN')`],
  [{ tag: 'rare' }, `tags ? 'rare'`],
  [{ tag: 'site=3' }, `tags @> '{"site": 3}'`],
  [{ tag: 'rare=true', status: 'ONLINE' }, `tags ? 'rare' AND status = 'ONLINE'`],
  [{ hostname: 'CD' }, `hostname LIKE '%cd%'`],
  [{ hostname: 'xy' }, 'false'],
  [{ hostname: 'host-777' }, `hostname LIKE '%host-777%'`],
  [{ hostname: 'host' }, 'true'],
  [{ hostname: 'ost-7' }, `hostname LIKE '%ost-7%'`],
  [{ hostname: 't-7' }, `hostname LIKE '%t-7%'`],
  [{ hostname: '777' }, `hostname LIKE '%777%'`],
  [{ hostname: 'cd-host-1', platform: 'linux' }, `hostname LIKE '%cd-host-1%' AND platform = 'linux'`],
  [{ hostname: 'ost-1', tag: 'site=3' }, `hostname LIKE '%ost-1%' AND tags @> '{"site": 3}'`],
  [{ tag: 'site', is_online: false }, `status IN ('OFFLINE', 'UNKNOWN')`],
  [{ tag: 'site=3', platform: 'windows' }, `tags @> '{"site": 3}' AND platform = 'windows'`],
  [{ hostname: '0%_' }, 'false'],
])('agents by %j are those that fit, each once and newest first', async (filters, condition) => {
  const { ids } = await walk((cursor) => database.stores.agents.list({ limit: 400, ...filters, cursor }));
  expect(ids).toEqual(await fitting('agent', condition));
});

it.each<[Partial<AgentListQuery>, string]>([
  [{ last_heartbeat_before: '2026-02-01T00:00:00.000Z' }, `p.last_heartbeat_at < '2026-02-01'`],
  [
    { last_heartbeat_after: '2026-02-01T00:00:00.000Z', platform: 'linux' },
    `p.last_heartbeat_at > '2026-02-01' AND platform = 'linux'`,
  ],
  [{ last_heartbeat_after: '2026-07-01T00:00:00.000Z' }, 'false'],
  [
    { last_heartbeat_before: '2026-02-01T00:00:00.000Z', hostname: 'b-host' },
    `p.last_heartbeat_at < '2026-02-01' AND hostname LIKE '%b-host%'`,
  ],
])('agents by heartbeat %j are those that fit', async (filters, condition) => {
  const { ids } = await walk((cursor) => database.stores.agents.list({ limit: 400, ...filters, cursor }));
  expect(ids).toEqual(await fitting(BY_PRESENCE, condition));
});

it.each<[Partial<TaskListQuery>, string]>([
  [{ agent_id: 'AGENT', status: 'FAILED', task_type: 'UPDATE' }, 'false'],
  [{ correlation_id: 'c-1', task_type: 'UPDATE' }, `correlation_id = 'c-1' AND task_type = 'UPDATE'`],
  [{ task_type: 'COLLECT' }, `task_type = 'COLLECT'`],
  [{ status: 'FAILED' }, `status = 'FAILED'`],
  [{ status: 'FAILED', task_type: 'UPDATE' }, 'false'],
  [
    { task_type: 'COLLECT', created_after: '2026-01-01T00:00:00.000Z', correlation_id: 'c-2' },
    `task_type = 'COLLECT' AND correlation_id = 'c-2'`,
  ],
  [{ status: 'COMPLETED', task_type: 'UPDATE' }, `status = 'COMPLETED' AND task_type = 'UPDATE'`],
  [
    {
      status: 'FAILED',
      created_after: '2026-01-01T00:00:00.000Z',
      created_before: '2026-01-02T00:00:00.000Z',
    },
    'false',
  ],
])('tasks by %j are those that fit', async (filters, condition) => {
  const given = filters.agent_id === undefined ? filters : { ...filters, agent_id: agentId };
  const { ids } = await walk((cursor) => database.stores.tasks.list({ limit: 400, ...given, cursor }));
  expect(ids).toEqual(await fitting('agent_task', condition));
});

it('a page that found nothing where it looked is empty and names the next one', async () => {
  const { ids, pages } = await walk((cursor) =>
    database.stores.agents.list({ hostname: 'xy', limit: 50, cursor }),
  );
  expect(ids).toEqual([]);
  expect(pages).toEqual([0, 0, 0]);
});

it('what comes after it was guessed how many there are is found, too', async () => {
  const named = (hostname: string) =>
    walk((cursor) => database.stores.agents.list({ hostname, limit: 400, cursor }));
  expect((await named('late')).ids).toEqual([]);
  await database.pool.query(
    `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
       presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
     SELECT uuid7(), 'late:' || n, 'late-' || n, 'late-' || n, 'macos', '', '3.0', 'OFFLINE', 0, now(), '{}', '{}', now(), now()
     FROM generate_series(1, 5500) n`,
  );
  expect((await named('late')).ids).toEqual(await fitting('agent', `hostname LIKE 'late%'`));
  await database.pool.query(`DELETE FROM agent WHERE hostname LIKE 'late%'`);
  expect((await named('late')).ids).toEqual([]);
});

it('a page that is full does not say where the look would have ended', async () => {
  const page = await database.stores.agents.list({ platform: 'linux', status: 'ONLINE', limit: 1 });
  const next = await database.stores.agents.list({
    platform: 'linux',
    status: 'ONLINE',
    limit: 1,
    cursor: page.next_cursor ?? '',
  });
  expect([...page.items, ...next.items].map((item) => item.id)).toEqual(
    (await fitting('agent', `platform = 'linux' AND status = 'ONLINE'`)).slice(0, 2),
  );
});
