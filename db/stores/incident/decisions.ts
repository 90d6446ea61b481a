import type { Pool, PoolClient } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { ApproveIncident, EditIncident } from '../../../contracts/incident/incident.ts';
import type { IncidentStatus } from '../../../contracts/incident/states.ts';
import { inTransaction } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { appendAudit } from '../audit.ts';
import { insertSuggestion } from './analysis.ts';
import { moveIncident } from './move.ts';

/** Names a decision, to devices as well: of a precision that survives a way through JavaScript. */
const DECISION_MOMENT = `date_trunc('milliseconds', now())`;

/** Who decides, by which request. */
export interface Decider {
  readonly actor: Actor;
  readonly correlationId: string;
}

export type DecisionAnswer =
  | { readonly kind: 'decided' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'refused'; readonly status: IncidentStatus }
  | {
      readonly kind: 'no_suggestion' | 'not_preselected' | 'blocked_suggestion' | 'no_device';
    };

/**
 * Approves one suggestion for the devices on which the incident was seen until now and that are not healthy by an
 * earlier approval; those that join later need another one. One device goes first: of those that can be reached, the one
 * that failed first.
 */
export function approveIncident(
  pool: Pool,
  id: string,
  request: ApproveIncident,
  decider: Decider,
): Promise<DecisionAnswer> {
  return whileAwaited(pool, id, async (client, incident) => {
    const suggestionId = request.suggestion_id ?? incident.preselected_suggestion;
    if (suggestionId === null) return { kind: 'not_preselected' };
    const { rows } = await client.query<{ script: string | null }>(
      'SELECT script FROM incident_suggestion WHERE id = $1 AND incident_id = $2',
      [suggestionId, id],
    );
    if (rows[0] === undefined) return { kind: 'no_suggestion' };
    if (rows[0].script === null) return { kind: 'blocked_suggestion' };
    const devices = await enlist(client, id);
    if (devices === 0) return { kind: 'no_device' };
    await moveIncident(client, {
      word: 'approve',
      id,
      actor: decider.actor,
      set: `approved_suggestion = $5, retry_failed_tasks = $6, decided_by = $7, decided_at = ${DECISION_MOMENT}, decision_note = $8`,
      params: [suggestionId, request.retry_failed_tasks, decider.actor.id, request.note ?? null],
      told: { suggestion: suggestionId, devices, retry_failed_tasks: request.retry_failed_tasks },
      correlationId: decider.correlationId,
      tell: 'now',
    });
    return { kind: 'decided' };
  });
}

/** @returns how many devices wait for the remedy now */
async function enlist(client: PoolClient, id: string): Promise<number> {
  const { rowCount } = await client.query(
    `WITH affected AS (
       SELECT DISTINCT ON (o.agent_id) o.agent_id, o.task_id, o.failed_at, a.status
       FROM incident_occurrence o JOIN agent a ON a.id = o.agent_id AND a.revoked_at IS NULL
       JOIN agent_task t ON t.id = o.task_id
       WHERE o.incident_id = $1 AND NOT EXISTS (
         SELECT 1 FROM incident_remedy r WHERE r.incident_id = $1 AND r.agent_id = o.agent_id
           AND r.state = 'HEALTHY' AND r.ended_at >= o.failed_at)
       ORDER BY o.agent_id, o.id DESC
     )
     INSERT INTO incident_remedy (id, incident_id, approved_at, agent_id, canary, state, failed_task_id)
     SELECT uuid7(), $1, ${DECISION_MOMENT}, agent_id,
       row_number() OVER (ORDER BY status IN ('ONLINE', 'DEGRADED') DESC, failed_at, agent_id) = 1, 'WAITING', task_id
     FROM affected ORDER BY status IN ('ONLINE', 'DEGRADED') DESC, failed_at, agent_id`,
    [id],
  );
  return rowCount ?? 0;
}

/** Puts a script of the person's own beside the suggestions, and preselects it. Guardrails have let it through. */
export function editIncident(
  pool: Pool,
  id: string,
  script: EditIncident,
  decider: Decider,
): Promise<DecisionAnswer> {
  return whileAwaited(pool, id, async (client, incident) => {
    const suggestion = await insertSuggestion(client, id, incident.analysis, {
      ...script,
      provider: null,
      model: null,
      verification: script.verification || null,
      confidence: null,
      findings: [],
      created_by: decider.actor.id,
    });
    await client.query('UPDATE incident SET preselected_suggestion = $2 WHERE id = $1', [id, suggestion]);
    await appendAudit(client, [
      {
        actor: decider.actor,
        action: 'incident.edit',
        kind: 'change',
        object_type: 'incident',
        object_id: id,
        before: { preselected_suggestion: incident.preselected_suggestion },
        after: { preselected_suggestion: suggestion },
        correlation_id: decider.correlationId,
      },
    ]);
    return { kind: 'decided' };
  });
}

/** Closes the incident without a remedy; within its window it stays closed. */
export function rejectIncident(
  pool: Pool,
  id: string,
  reason: string,
  decider: Decider,
): Promise<DecisionAnswer> {
  return decide(pool, id, 'reject', decider, {
    set: `outcome = 'REJECTED', closed_at = now(), decided_by = $5, decided_at = now(), decision_note = $6`,
    params: [decider.actor.id, reason],
    told: { reason },
  });
}

/** Has the failure looked at anew, with the person's wish. */
export function askIncident(
  pool: Pool,
  id: string,
  wish: string | undefined,
  decider: Decider,
): Promise<DecisionAnswer> {
  return decide(pool, id, 'ask', decider, {
    set: `analysis = i.analysis + 1, question = $5, preselected_suggestion = NULL, waiting_since = NULL, reminders = 0`,
    params: [wish ?? null],
    told: wish === undefined ? {} : { wish },
  });
}

async function decide(
  pool: Pool,
  id: string,
  word: 'reject' | 'ask',
  { actor, correlationId }: Decider,
  effect: { set: string; params: readonly unknown[]; told: Readonly<Record<string, unknown>> },
): Promise<DecisionAnswer> {
  const moved = await moveIncident(pool, { word, id, actor, correlationId, tell: 'now', ...effect });
  if (moved !== undefined) return { kind: 'decided' };
  return refusalOf(pool, id);
}

/** Why a word was not taken: what the incident is instead, or that there is none. */
export async function refusalOf(queryable: Pool | PoolClient, id: string): Promise<DecisionAnswer> {
  const { rows } = await queryable.query<{ status: IncidentStatus }>(
    'SELECT status FROM incident WHERE id = $1',
    [id],
  );
  return rows[0] === undefined ? { kind: 'not_found' } : { kind: 'refused', status: rows[0].status };
}

/** Decides on an incident that nobody else can decide on meanwhile. */
function whileAwaited(
  pool: Pool,
  id: string,
  decided: (client: PoolClient, incident: IncidentRow) => Promise<DecisionAnswer>,
): Promise<DecisionAnswer> {
  return inTransaction(pool, async (client): Promise<DecisionAnswer> => {
    const incident = await lock(client, id);
    if (incident === undefined) return { kind: 'not_found' };
    if (incident.status !== 'AWAITING_DECISION') return { kind: 'refused', status: incident.status };
    return decided(client, incident);
  });
}

async function lock(client: PoolClient, id: string): Promise<IncidentRow | undefined> {
  const { rows } = await client.query<IncidentRow>('SELECT * FROM incident WHERE id = $1 FOR UPDATE', [id]);
  return rows[0];
}
