import type { AgentListQuery, AgentSelection } from '../../../contracts/agent/agent.ts';
import type { Filter } from '../bounded-page.ts';

type Selection = AgentSelection & { agent_ids?: string[] | undefined };
type HeartbeatWindow = Partial<Pick<AgentListQuery, 'last_heartbeat_after' | 'last_heartbeat_before'>>;

/** A choice of agents as conditions on rows `r` of `agent`. */
export function agentFilters(selection: Selection): Filter[] {
  const filters: Filter[] = [];
  for (const column of ['agent_version', 'platform', 'status'] as const) {
    const value = selection[column];
    if (value !== undefined) filters.push({ sql: `r.${column} = :value`, value, by: 'ordered' });
  }
  if (selection.is_online !== undefined) filters.push(reachability(selection.is_online));
  if (selection.hostname !== undefined) filters.push(hostname(selection.hostname));
  if (selection.tag !== undefined) filters.push(tagged(selection.tag));
  if (selection.agent_ids !== undefined)
    filters.push({ sql: 'r.id = ANY(:value::uuid[])', value: selection.agent_ids });
  return filters;
}

/** Agents that enrolled with the certificate of another one. */
export const clonesOf = (original: string | undefined): Filter[] =>
  original === undefined ? [] : [{ sql: 'r.cloned_from = :value', value: original, by: 'searched' }];

/** On rows `r` that carry `last_heartbeat_at`. */
export function heartbeatFilters(window: HeartbeatWindow): Filter[] {
  const { last_heartbeat_after: after, last_heartbeat_before: before } = window;
  return [
    ...(after === undefined ? [] : [{ sql: 'r.last_heartbeat_at >= :value', value: after }]),
    ...(before === undefined ? [] : [{ sql: 'r.last_heartbeat_at <= :value', value: before }]),
  ];
}

function reachability(online: boolean): Filter {
  const statuses = online ? ["'ONLINE'", "'DEGRADED'"] : ["'OFFLINE'", "'UNKNOWN'"];
  return {
    sql: `r.status IN (${statuses.join(', ')})`,
    by: 'ordered',
    alternatives: statuses.map((status) => `r.status = ${status}`),
  };
}

/** What is shorter than three letters or digits in a row is in no trigram, and in most hostnames. */
const SEARCHABLE = /[A-Za-z0-9]{3}/;

function hostname(part: string): Filter {
  const pattern = `%${part.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`;
  const filter = { sql: 'lower(r.hostname) LIKE :value', value: pattern };
  return SEARCHABLE.test(part) ? { ...filter, by: 'searched' } : filter;
}

/** A value given in a URL is text; tags may hold numbers and booleans, too. */
function tagged(tag: string): Filter {
  const equals = tag.indexOf('=');
  if (equals < 0) return { sql: 'r.tags ? :value', value: tag, by: 'searched' };
  const name = tag.slice(0, equals);
  const value = tag.slice(equals + 1);
  const readings: unknown[] = [value];
  if (value === 'true' || value === 'false') readings.push(value === 'true');
  if (value.trim() !== '' && Number.isFinite(Number(value))) readings.push(Number(value));
  return {
    sql: 'r.tags @> ANY(:value::jsonb[])',
    value: readings.map((reading) => JSON.stringify({ [name]: reading })),
    by: 'searched',
  };
}
