import type { AgentListQuery, AgentSelection } from '../../../contracts/agent/agent.ts';
import type { Filter } from '../bounded-page.ts';
import { conditionOf, type OrderedFinder } from '../finder.ts';
import type { Sql, Statement } from '../statement.ts';
import { hostnameFilter, tagFilter } from './terms.ts';

type Selection = AgentSelection & { agent_ids?: string[] | undefined };
type HeartbeatWindow = Partial<Pick<AgentListQuery, 'last_heartbeat_after' | 'last_heartbeat_before'>>;

/** A choice of agents as conditions on rows `r` of `agent`. */
export function agentFilters(selection: Selection): Filter[] {
  const filters: Filter[] = [];
  for (const column of ['agent_version', 'platform', 'status'] as const) {
    const value = selection[column];
    if (value !== undefined)
      filters.push({
        checks: [{ sql: `r.${column} = :value`, value }],
        finders: [byColumn(column, [{ sql: ':value', value }])],
        exact: true,
      });
  }
  if (selection.is_online !== undefined) filters.push(reachability(selection.is_online));
  if (selection.hostname !== undefined) filters.push(hostnameFilter(selection.hostname));
  if (selection.tag !== undefined) filters.push(tagFilter(selection.tag));
  if (selection.agent_ids !== undefined)
    filters.push({ checks: [{ sql: 'r.id = ANY(:value::uuid[])', value: selection.agent_ids }] });
  return filters;
}

/** The same for statements that go over all agents that fit, which Postgres finds as it thinks best. */
export function agentConditions(selection: Selection, statement: Statement): string[] {
  return agentFilters(selection).flatMap(({ checks, finders }) => {
    const finder = finders?.at(-1);
    const conditions = statement.all(checks);
    if (finder !== undefined && finder.rows !== 'agent')
      conditions.push(`r.id IN (SELECT r.id FROM ${finder.rows} r WHERE ${conditionOf(finder, statement)})`);
    return conditions;
  });
}

/** Agents that enrolled with the certificate of another one. */
export function clonesOf(original: string | undefined): Filter[] {
  if (original === undefined) return [];
  const condition: Sql = { sql: 'r.cloned_from = :value', value: original };
  return [{ checks: [condition], finders: [{ rows: 'agent', condition }] }];
}

/** On rows `r` that carry `last_heartbeat_at`. */
export function heartbeatFilters(window: HeartbeatWindow): Filter[] {
  const { last_heartbeat_after: after, last_heartbeat_before: before } = window;
  return [
    ...(after === undefined ? [] : [{ checks: [{ sql: 'r.last_heartbeat_at >= :value', value: after }] }]),
    ...(before === undefined ? [] : [{ checks: [{ sql: 'r.last_heartbeat_at <= :value', value: before }] }]),
  ];
}

function reachability(online: boolean): Filter {
  const statuses = online ? ["'ONLINE'", "'DEGRADED'"] : ["'OFFLINE'", "'UNKNOWN'"];
  return {
    checks: [{ sql: `r.status IN (${statuses.join(', ')})` }],
    finders: [
      byColumn(
        'status',
        statuses.map((sql) => ({ sql })),
      ),
    ],
    exact: true,
  };
}

const byColumn = (column: string, values: readonly Sql[]): OrderedFinder => ({
  rows: 'agent',
  columns: [column],
  anyOf: values.map((value) => [value]),
});
