import type { Page } from '../../../contracts/http/common.ts';
import type {
  Incident,
  IncidentCall,
  IncidentDetail,
  IncidentListQuery,
  IncidentOccurrence,
  IncidentRemedy,
  IncidentStep,
  IncidentSuggestion,
} from '../../../contracts/incident/incident.ts';
import type { RemedyState } from '../../../contracts/incident/states.ts';
import type { Database } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { decodeCursor, toPage, UUID_KEY } from '../keyset.ts';
import { toIncident } from './records.ts';

type Paging = { readonly cursor?: string | undefined; readonly limit: number };

const SHOWN_SUGGESTIONS = 20;

export async function listIncidents(database: Database, query: IncidentListQuery): Promise<Page<Incident>> {
  const conditions: string[] = [];
  const params: unknown[] = [];
  const filters = {
    status: query.status,
    label: query.label,
    platform: query.platform,
    package_name: query.package,
  };
  for (const [column, value] of Object.entries(filters)) {
    if (value !== undefined) conditions.push(`${column} = $${params.push(value)}`);
  }
  if (query.open !== undefined) conditions.push(`status ${query.open ? '<>' : '='} 'CLOSED'`);
  if (query.cursor !== undefined)
    conditions.push(`id < $${params.push(decodeCursor('incidents', query.cursor, UUID_KEY))}`);
  const { rows } = await database.pool.query<IncidentRow>(
    `SELECT * FROM incident ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY id DESC LIMIT ${query.limit + 1}`,
    params,
  );
  return toPage('incidents', rows, query.limit, (row) => row.id, toIncident);
}

/** With its suggestions, how far the remedy is, and what the assistant has cost. */
export async function showIncident(database: Database, id: string): Promise<IncidentDetail | undefined> {
  const { pool } = database;
  const { rows } = await pool.query<IncidentRow>('SELECT * FROM incident WHERE id = $1', [id]);
  const [row] = rows;
  if (row === undefined) return undefined;
  const suggestions = await pool.query<IncidentSuggestion>(
    `SELECT id, provider, model, interpreter, script, verification, explanation, confidence, findings, created_by,
       ${instant('created_at')}
     FROM incident_suggestion WHERE incident_id = $1 ORDER BY id DESC LIMIT ${SHOWN_SUGGESTIONS}`,
    [id],
  );
  const states = await pool.query<{ state: RemedyState; devices: number }>(
    `SELECT state, count(*)::int AS devices FROM incident_remedy
     WHERE incident_id = $1 AND approved_at = (SELECT max(approved_at) FROM incident_remedy WHERE incident_id = $1)
     GROUP BY state`,
    [id],
  );
  const cost = await costOf(database, id);
  const devices = new Map(states.rows.map((seen) => [seen.state, seen.devices]));
  const of = (state: RemedyState) => devices.get(state) ?? 0;
  return {
    ...toIncident(row),
    suggestions: suggestions.rows,
    remedies: {
      WAITING: of('WAITING'),
      REMEDYING: of('REMEDYING'),
      VERIFYING: of('VERIFYING'),
      OBSERVING: of('OBSERVING'),
      HEALTHY: of('HEALTHY'),
      FAILED: of('FAILED'),
      SKIPPED: of('SKIPPED'),
      STOPPED: of('STOPPED'),
    },
    cost,
  };
}

async function costOf({ pool }: Database, id: string): Promise<IncidentDetail['cost']> {
  const { rows } = await pool.query<IncidentDetail['cost']>(
    `SELECT count(*)::int AS calls, count(*) FILTER (WHERE (record ->> 'cached')::boolean)::int AS cached_calls,
       COALESCE(sum((record ->> 'input_tokens')::bigint), 0)::bigint AS input_tokens,
       COALESCE(sum((record ->> 'output_tokens')::bigint), 0)::bigint AS output_tokens
     FROM incident_call WHERE incident_id = $1`,
    [id],
  );
  return rows[0] ?? { calls: 0, cached_calls: 0, input_tokens: 0, output_tokens: 0 };
}

export const listOccurrences = (
  database: Database,
  id: string,
  page: Paging,
): Promise<Page<IncidentOccurrence>> =>
  partsOf(
    database,
    'incident-occurrences',
    `SELECT p.id, p.task_id, p.agent_id, p.task_status, ${instant('p.failed_at', 'failed_at')}, t.error_message
     FROM incident_occurrence p LEFT JOIN agent_task t ON t.id = p.task_id WHERE p.incident_id = $1`,
    id,
    page,
  );

export const listRemedies = (database: Database, id: string, page: Paging): Promise<Page<IncidentRemedy>> =>
  partsOf(
    database,
    'incident-remedies',
    `SELECT p.id, p.agent_id, p.canary, p.state, p.failed_task_id, p.task_id, p.verify_task_id, p.error,
       ${instant('p.approved_at', 'approved_at')}, ${instant('p.began_at', 'began_at')}, ${instant('p.ended_at', 'ended_at')}
     FROM incident_remedy p WHERE p.incident_id = $1`,
    id,
    page,
  );

export async function listCalls(database: Database, id: string, page: Paging): Promise<Page<IncidentCall>> {
  const calls = await partsOf<{
    id: string;
    analysis: number;
    record: Omit<IncidentCall, 'id' | 'analysis'>;
  }>(
    database,
    'incident-calls',
    'SELECT p.id, p.analysis, p.record FROM incident_call p WHERE p.incident_id = $1',
    id,
    page,
  );
  return { ...calls, items: calls.items.map(({ record, ...call }) => ({ ...record, ...call })) };
}

/** The story of an incident, newest step first. */
export const listSteps = (database: Database, id: string, page: Paging): Promise<Page<IncidentStep>> =>
  partsOf(
    database,
    'incident-timeline',
    `SELECT p.id, ${instant('p.at', 'at')}, p.actor_type, p.actor_id, p.action, p.before, p.after
     FROM audit_event p WHERE p.object_id = $1 AND p.object_type = 'incident'`,
    id,
    page,
  );

async function partsOf<Part extends { id: string }>(
  { pool }: Database,
  list: string,
  select: string,
  incidentId: string,
  { cursor, limit }: Paging,
): Promise<Page<Part>> {
  const params = [incidentId];
  const after =
    cursor === undefined ? '' : `AND p.id < $${params.push(decodeCursor(list, cursor, UUID_KEY))}`;
  const { rows } = await pool.query<Part>(`${select} ${after} ORDER BY p.id DESC LIMIT ${limit + 1}`, params);
  return toPage(
    list,
    rows,
    limit,
    (row) => row.id,
    (row) => row,
  );
}

/** A time as the API gives it. */
function instant(column: string, name = column): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${name}`;
}
