import type { AgentListQuery, AgentSelection } from '../../../contracts/agent/agent.ts';

type Filters = AgentSelection &
  Partial<Pick<AgentListQuery, 'last_heartbeat_after' | 'last_heartbeat_before'>> & {
    agent_ids?: string[] | undefined;
  };

/**
 * The WHERE of a choice of agents, on `agent a` (and `agent_presence p` when a heartbeat window is asked for).
 *
 * @param firstParam number of the first free parameter
 */
export function agentConditions(
  filters: Filters,
  firstParam = 1,
): { conditions: string[]; params: unknown[] } {
  const conditions: string[] = [];
  const params: unknown[] = [];
  const add = (value: unknown, condition: (param: string) => string) => {
    params.push(value);
    conditions.push(condition(`$${firstParam + params.length - 1}`));
  };
  if (filters.agent_ids !== undefined) add(filters.agent_ids, (ids) => `a.id = ANY(${ids}::uuid[])`);
  if (filters.platform !== undefined) add(filters.platform, (platform) => `a.platform = ${platform}`);
  if (filters.status !== undefined) add(filters.status, (status) => `a.status = ${status}`);
  if (filters.is_online !== undefined) {
    conditions.push(`a.status IN (${filters.is_online ? `'ONLINE', 'DEGRADED'` : `'OFFLINE', 'UNKNOWN'`})`);
  }
  if (filters.agent_version !== undefined)
    add(filters.agent_version, (version) => `a.agent_version = ${version}`);
  if (filters.hostname !== undefined)
    add(likePattern(filters.hostname), (pattern) => `lower(a.hostname) LIKE ${pattern}`);
  if (filters.tag !== undefined) addTag(filters.tag, add);
  if (filters.last_heartbeat_after !== undefined)
    add(filters.last_heartbeat_after, (after) => `p.last_heartbeat_at >= ${after}`);
  if (filters.last_heartbeat_before !== undefined)
    add(filters.last_heartbeat_before, (before) => `p.last_heartbeat_at <= ${before}`);
  return { conditions, params };
}

function likePattern(part: string): string {
  return `%${part.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`;
}

/** A value given in a URL is text; tags may hold numbers and booleans, too. */
function addTag(tag: string, add: (value: unknown, condition: (param: string) => string) => void): void {
  const equals = tag.indexOf('=');
  if (equals < 0) {
    add(tag, (name) => `a.tags ? ${name}`);
    return;
  }
  const name = tag.slice(0, equals);
  const value = tag.slice(equals + 1);
  const readings: unknown[] = [value];
  if (value === 'true' || value === 'false') readings.push(value === 'true');
  if (value.trim() !== '' && Number.isFinite(Number(value))) readings.push(Number(value));
  add(
    readings.map((reading) => JSON.stringify({ [name]: reading })),
    (candidates) => `a.tags @> ANY(${candidates}::jsonb[])`,
  );
}
