import type { Pool } from 'pg';
import type { Actor } from '../../contracts/audit/audit.ts';
import { inTransaction } from '../database.ts';
import { appendAudit } from './audit.ts';

/**
 * Ends a token at once; saying it again is harmless.
 *
 * @returns false when there is no such token
 */
export function revokeToken(
  pool: Pool,
  table: 'operator_token' | 'enrolment_token',
  id: string,
  actor: Actor,
  correlationId: string,
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ changed: boolean }>(
      `WITH present AS (SELECT id, revoked_at FROM ${table} WHERE id = $1 FOR UPDATE),
       revoked AS (UPDATE ${table} t SET revoked_at = now() FROM present WHERE t.id = present.id AND present.revoked_at IS NULL)
       SELECT revoked_at IS NULL AS changed FROM present`,
      [id],
    );
    if (rows[0]?.changed === true) {
      await appendAudit(client, [
        {
          actor,
          action: `${table}.revoke`,
          kind: 'change',
          object_type: table,
          object_id: id,
          correlation_id: correlationId,
        },
      ]);
    }
    return rows.length > 0;
  });
}
