import type { Pool } from 'pg';
import { statement } from '../../database.ts';
import type { IncidentRow } from '../../models/incident-rows.ts';
import { moveIncident } from './move.ts';
import { workflowActor } from './records.ts';
import type { IncidentRules } from './telling.ts';

/**
 * The timer of a waiting incident fired: closes it when its time is over, else notes a reminder that is due. Does nothing
 * if somebody decided meanwhile or the time has not come.
 *
 * @returns what was done
 */
export async function remindOrExpire(
  pool: Pool,
  id: string,
  rules: IncidentRules,
): Promise<'expired' | 'reminded' | 'nothing'> {
  const { rows } = await pool.query<IncidentRow>('SELECT * FROM incident WHERE id = $1', [id]);
  const [incident] = rows;
  if (incident === undefined) return 'nothing';
  const actor = workflowActor(incident);
  const expired = await moveIncident(pool, {
    word: 'expire',
    id,
    actor,
    when: 'i.waiting_since + make_interval(secs => $5) <= now()',
    set: `outcome = 'EXPIRED', closed_at = now()`,
    params: [rules.waitSeconds],
    tell: 'no',
  });
  if (expired !== undefined) return 'expired';
  const reminded = await statement(pool, {
    text: `WITH reminded AS (
       UPDATE incident SET reminders = reminders + 1, version = version + 1
       WHERE id = $1 AND status = 'AWAITING_DECISION'
         AND waiting_since + make_interval(secs => (reminders + 1) * $2) <= now() RETURNING *
     )
     INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
     SELECT uuid7(), now(), $3, $4, 'incident.remind', 'change', 'incident', id::text,
       jsonb_build_object('reminders', reminders - 1), jsonb_build_object('reminders', reminders), correlation_id FROM reminded`,
    values: [id, rules.reminderSeconds, actor.type, actor.id],
  });
  return reminded.rowCount === 1 ? 'reminded' : 'nothing';
}
