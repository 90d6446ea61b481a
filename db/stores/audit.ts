import type { Pool, PoolClient } from 'pg';
import { literal, Op, type WhereOptions, where } from 'sequelize';
import type { Actor, AuditEvent, AuditKind, AuditListQuery } from '../../contracts/audit/audit.ts';
import type { Page } from '../../contracts/http/common.ts';
import type { Database } from '../database.ts';
import { idRange, iso, newestFirst, nextMillisecond } from './keyset.ts';

export interface NewAuditEvent {
  readonly actor: Actor;
  readonly action: string;
  readonly kind: AuditKind;
  readonly object_type: string;
  readonly object_id: string;
  readonly before?: object | null;
  readonly after?: object | null;
  readonly correlation_id?: string | null;
}

/** Appends events; within the caller's transaction when given its client. */
export async function appendAudit(
  queryable: Pool | PoolClient,
  events: readonly NewAuditEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await queryable.query(
    `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
     SELECT uuid7(), now(), e.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::text[]) AS e`,
    [
      events.map((event) => event.actor.type),
      events.map((event) => event.actor.id),
      events.map((event) => event.action),
      events.map((event) => event.kind),
      events.map((event) => event.object_type),
      events.map((event) => event.object_id),
      events.map((event) => json(event.before)),
      events.map((event) => json(event.after)),
      events.map((event) => event.correlation_id ?? null),
    ],
  );
}

/** Texts that were cut may end in half a character, which jsonb would refuse. */
function json(value: object | null | undefined): string | null {
  return value
    ? JSON.stringify(value, (_key, part) => (typeof part === 'string' ? part.toWellFormed() : part))
    : null;
}

export class AuditStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  append(event: NewAuditEvent): Promise<void> {
    return appendAudit(this.#database.pool, [event]);
  }

  list(query: AuditListQuery): Promise<Page<AuditEvent>> {
    const filters: WhereOptions[] = idRange(query.after, query.before);
    for (const column of [
      'object_type',
      'object_id',
      'actor_id',
      'action',
      'kind',
      'correlation_id',
    ] as const) {
      if (query[column] !== undefined) filters.push({ [column]: query[column] });
    }
    // By an index of such events alone; a status is one of a few words.
    if (query.agent_status !== undefined)
      filters.push({ action: 'agent.status' }, where(literal("after ->> 'status'"), query.agent_status));
    // Partitions are by time: naming it lets Postgres leave out those that cannot matter.
    if (query.after !== undefined) filters.push({ at: { [Op.gte]: query.after } });
    if (query.before !== undefined) filters.push({ at: { [Op.lt]: nextMillisecond(query.before) } });
    return newestFirst(this.#database.models.auditEvent, 'audit-events', filters, query, (row) => ({
      ...row,
      at: iso(row.at),
    }));
  }
}
