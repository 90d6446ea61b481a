import type { Pool, PoolClient } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import {
  INCIDENT_TRANSITIONS,
  type IncidentStatus,
  type IncidentWord,
} from '../../../contracts/incident/states.ts';
import { statement } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';

export interface IncidentMove {
  readonly word: IncidentWord;
  readonly id: string;
  readonly actor: Actor;
  /** Further assignments of the UPDATE of `incident i`; parameters start at $5. */
  readonly set?: string;
  /** A further condition on `incident i`. */
  readonly when?: string;
  readonly params?: readonly unknown[];
  /** What the audit says of it beside the state. */
  readonly told?: Readonly<Record<string, unknown>>;
  /** By default the audit names the incident's. */
  readonly correlationId?: string;
  /** Whether the workflow must hear of it; `no` when the caller is the workflow. */
  readonly tell: 'now' | 'no';
}

export type MovedIncident = IncidentRow & { before_status: IncidentStatus };

/**
 * The only way in which an incident changes its state: one statement compares, sets, audits and notes that its workflow
 * must be told. Undefined when the state, or `when`, does not allow the word.
 */
export async function moveIncident(
  queryable: Pool | PoolClient,
  move: IncidentMove,
): Promise<MovedIncident | undefined> {
  const { from, to } = INCIDENT_TRANSITIONS[move.word];
  const params = move.params ?? [];
  const told = params.length + 5;
  const { rows } = await statement<MovedIncident>(queryable, {
    text: `WITH picked AS MATERIALIZED (
       SELECT i.id, i.status AS before_status FROM incident i
       WHERE i.id = $1 AND i.status IN (${from.map((status) => `'${status}'`).join(', ')})
         ${move.when === undefined ? '' : `AND (${move.when})`} FOR UPDATE
     ), moved AS (
       UPDATE incident i SET status = $4, version = i.version + 1
         ${move.tell === 'now' ? ', tell_at = now()' : ''}${move.set ? `, ${move.set}` : ''}
       FROM picked WHERE i.id = picked.id RETURNING i.*, picked.before_status
     ), audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
       SELECT uuid7(), now(), $2, $3, 'incident.${move.word}', 'change', 'incident', id::text,
         jsonb_build_object('status', before_status),
         jsonb_strip_nulls(jsonb_build_object('status', status, 'outcome', outcome) || $${told}::jsonb),
         COALESCE($${told + 1}::text, correlation_id) FROM moved
     )
     SELECT * FROM moved`,
    values: [
      move.id,
      move.actor.type,
      move.actor.id,
      to,
      ...params,
      JSON.stringify(move.told ?? {}),
      move.correlationId ?? null,
    ],
  });
  return rows[0];
}
