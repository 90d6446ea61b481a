import type { Pool } from 'pg';
import { encodeCursor } from '../../../db/stores/keyset.ts';

/** A list (or summary) with one choice of filters. */
export interface ListCase {
  readonly name: string;
  /** Path with its query, but for the cursor; `{turn}` stands for four digits that each request has of its own. */
  readonly path: string;
  /** Name that cursors of the list carry; without one there are no pages. */
  readonly cursors?: string;
  /** Where deep pages begin: ids spread over the whole table. */
  readonly deep: readonly string[];
}

const DEEP_PAGES = 20;

/** Ids all over a table, found without reading all of it. */
async function spread(pool: Pool, table: string): Promise<string[]> {
  const size = await pool.query<{ rows: number }>(
    `SELECT reltuples::float8 AS rows FROM pg_class WHERE oid = '${table}'::regclass`,
  );
  const percent = Math.min(100, 500_000 / Math.max(1, size.rows[0]?.rows ?? 1));
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM (SELECT id FROM ${table} TABLESAMPLE SYSTEM (${percent})) sample ORDER BY random() LIMIT ${DEEP_PAGES}`,
  );
  return rows.map((row) => row.id);
}

const AGENTS = [
  '',
  'status=DEGRADED',
  'status=UNKNOWN',
  'platform=linux',
  'agent_version=0.9.1',
  'is_online=true',
  'is_online=false',
  'tag=site%3Dzrh',
  'tag=critical',
  'tag=lab',
  'tag=ring%3D3',
  'tag=nowhere',
  'hostname=srv-0012',
  'hostname=zrh-nb-0777',
  'hostname=0123456',
  'hostname=nowhere',
  'hostname=777',
  'hostname=ws-{turn}',
  'hostname={turn}',
  'hostname=nb-00',
  'hostname=zrh-nb-00',
  'hostname=srv-zrh',
  'hostname=qz',
  'status=DEGRADED&platform=linux&agent_version=0.9.1',
  'status=UNKNOWN&tag=site%3Dosl&hostname=srv',
  'is_online=false&platform=macos&tag=critical',
  'last_heartbeat_before={long_ago}',
  'last_heartbeat_after={now}',
  'last_heartbeat_before={long_ago}&status=OFFLINE&platform=linux',
  'last_heartbeat_after={long_ago}&last_heartbeat_before={a_day_later}',
] as const;

const TASKS = [
  '',
  'status=PENDING',
  'status=TIMEOUT',
  'task_type=UPDATE',
  'agent_id={agent}',
  'agent_id={agent}&status=COMPLETED',
  'correlation_id=rollout-500',
  'correlation_id=rollout-500&status=FAILED',
  'status=COMPLETED&task_type=UPDATE',
  'status=TIMEOUT&task_type=UPDATE',
  'created_before={long_ago}&status=CANCELLED&task_type=UPDATE',
  'created_after={long_ago}',
  'created_before={long_ago}&status=FAILED',
  'created_after={long_ago}&created_before={a_day_later}&task_type=DEPLOY&status=TIMEOUT',
] as const;

const AUDIT = [
  '',
  'kind=security',
  'action=agent_task.start',
  'actor_id={agent}',
  'object_type=agent_task',
  'correlation_id=rollout-500',
  'before={long_ago}&kind=security',
] as const;

/** Every list of the operators, with the filters that people use and those that find little or nothing. */
export async function listCases(pool: Pool): Promise<ListCase[]> {
  const agents = await spread(pool, 'agent');
  const [agent = ''] = agents;
  // By the index: what is read from end to end is counted.
  const { rows } = await pool.query<{ agent_id: string }>(
    'SELECT agent_id FROM telemetry ORDER BY agent_id LIMIT 1',
  );
  const measured = rows[0]?.agent_id ?? agent;
  const instants: Record<string, string> = {
    now: new Date(Date.now() - 2_000).toISOString(),
    long_ago: new Date(Date.now() - 12 * 86_400_000).toISOString(),
    a_day_later: new Date(Date.now() - 11 * 86_400_000).toISOString(),
    agent,
    turn: '{turn}',
  };
  const filled = (query: string) => query.replaceAll(/\{(\w+)\}/g, (_, name: string) => instants[name] ?? '');
  const cases = (list: string, filters: readonly string[], deep: readonly string[]): ListCase[] =>
    filters.map((filter) => ({
      name: filter === '' ? list : `${list}?${filter}`,
      path: `/api/v1/${list}${filter === '' ? '' : `?${filled(filter)}`}`,
      cursors: list,
      deep,
    }));
  return [
    { name: 'fleet/summary', path: '/api/v1/fleet/summary', deep: [] },
    { name: 'telemetry of one agent', path: `/api/v1/agents/${measured}/telemetry`, deep: [] },
    ...cases('agents', AGENTS, agents),
    ...cases('tasks', TASKS, await spread(pool, 'agent_task')),
    ...cases('audit-events', AUDIT, await spread(pool, 'audit_event')),
    ...cases('alerts', ['', 'open=true', 'agent_id={agent}'], await spread(pool, 'alert')),
    ...cases(
      'offline-queue',
      ['', 'delivered=false', 'agent_id={agent}'],
      await spread(pool, 'offline_queue_item'),
    ),
    ...cases(
      'deployment-statuses',
      ['', 'package_name=package-7', 'agent_id={agent}'],
      await spread(pool, 'deployment_status'),
    ),
  ];
}

/** The path of a page that begins after `id`. */
export function pagePath(list: ListCase, turn: number, id: string | undefined): string {
  const { cursors } = list;
  const path = list.path.replaceAll('{turn}', String((turn * 7_919) % 10_000).padStart(4, '0'));
  if (cursors === undefined || id === undefined) return path;
  return `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeCursor(cursors, id)}`;
}
