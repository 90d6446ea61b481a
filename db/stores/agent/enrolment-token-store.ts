import type { EnrolmentToken, EnrolmentTokenRequest } from '../../../contracts/agent/enrolment.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { EnrolmentTokenRow } from '../../models/rows.ts';
import { appendAudit } from '../audit.ts';
import { iso, isoOrNull, newestFirst } from '../keyset.ts';
import { revokeToken } from '../token-revocation.ts';
import { hashToken, newToken } from '../tokens.ts';

/** Registration keys that let machines enrol; only their hashes are kept. */
export class EnrolmentTokenStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async create(
    request: EnrolmentTokenRequest,
    actor: Actor,
    correlationId: string,
  ): Promise<EnrolmentToken & { token: string }> {
    const token = newToken('enrol');
    return inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<EnrolmentTokenRow>(
        `INSERT INTO enrolment_token (id, name, token_hash, expires_at, max_uses, tags, created_by, created_at)
         VALUES (uuid7(), $1, $2, now() + make_interval(secs => $3), $4, $5, $6, now()) RETURNING *`,
        [
          request.name,
          hashToken(token),
          request.expires_in_seconds,
          request.max_uses,
          JSON.stringify(request.tags),
          actor.id,
        ],
      );
      const row = rows[0] as EnrolmentTokenRow;
      await appendAudit(client, [
        {
          actor,
          action: 'enrolment_token.create',
          kind: 'change',
          object_type: 'enrolment_token',
          object_id: row.id,
          after: { name: row.name, max_uses: row.max_uses, expires_at: row.expires_at },
          correlation_id: correlationId,
        },
      ]);
      return { ...toEnrolmentToken(row), token };
    });
  }

  /** @returns false when there is no such token */
  revoke(id: string, actor: Actor, correlationId: string): Promise<boolean> {
    return revokeToken(this.#database.pool, 'enrolment_token', id, actor, correlationId);
  }

  list(query: { cursor?: string | undefined; limit: number }): Promise<Page<EnrolmentToken>> {
    return newestFirst(this.#database.models.enrolmentToken, 'enrolment-tokens', [], query, toEnrolmentToken);
  }
}

function toEnrolmentToken(row: EnrolmentTokenRow): EnrolmentToken {
  return {
    id: row.id,
    name: row.name,
    expires_at: iso(row.expires_at),
    max_uses: row.max_uses,
    use_count: row.use_count,
    tags: row.tags,
    created_by: row.created_by,
    created_at: iso(row.created_at),
    revoked_at: isoOrNull(row.revoked_at),
  };
}
