import type { OperatorToken, OperatorTokenRequest, Scope } from '../../../contracts/access/access.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { OperatorTokenRow } from '../../models/rows.ts';
import { appendAudit } from '../audit.ts';
import { iso, isoOrNull, newestFirst } from '../keyset.ts';
import { revokeToken } from '../token-revocation.ts';
import { hashToken, matchesHash, newToken } from '../tokens.ts';

/** Operators' bearer tokens; only their hashes are kept. */
export class OperatorTokenStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async create(
    request: OperatorTokenRequest,
    actor: Actor,
    correlationId: string,
  ): Promise<OperatorToken & { token: string }> {
    const token = newToken('op');
    return inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<OperatorTokenRow>(
        `INSERT INTO operator_token (id, name, token_hash, scopes, expires_at, created_by, created_at)
         VALUES (uuid7(), $1, $2, $3, now() + make_interval(secs => $4), $5, now()) RETURNING *`,
        [request.name, hashToken(token), [...new Set(request.scopes)], request.expires_in_seconds, actor.id],
      );
      const row = rows[0] as OperatorTokenRow;
      await appendAudit(client, [
        {
          actor,
          action: 'operator_token.create',
          kind: 'change',
          object_type: 'operator_token',
          object_id: row.id,
          after: { name: row.name, scopes: row.scopes, expires_at: row.expires_at },
          correlation_id: correlationId,
        },
      ]);
      return { ...toOperatorToken(row), token };
    });
  }

  /** Stores a token that was made elsewhere and does not expire: the first admin token. */
  async ensureFirst(token: string, name: string): Promise<void> {
    await this.#database.pool.query(
      `INSERT INTO operator_token (id, name, token_hash, scopes, created_by, created_at)
       VALUES (uuid7(), $1, $2, '{admin}', 'setup', now()) ON CONFLICT (token_hash) DO NOTHING`,
      [name, hashToken(token)],
    );
  }

  /** Whose token this is; undefined when it is unknown, expired or revoked. */
  async authenticate(token: string): Promise<{ name: string; scopes: Scope[] } | undefined> {
    const { rows } = await this.#database.pool.query<
      Pick<OperatorTokenRow, 'name' | 'scopes' | 'token_hash'>
    >({
      name: 'operator-token-authenticate',
      text: `SELECT name, scopes, token_hash FROM operator_token
        WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      values: [hashToken(token)],
    });
    const row = rows[0];
    return row !== undefined && matchesHash(token, row.token_hash)
      ? { name: row.name, scopes: row.scopes }
      : undefined;
  }

  /** @returns false when there is no such token */
  revoke(id: string, actor: Actor, correlationId: string): Promise<boolean> {
    return revokeToken(this.#database.pool, 'operator_token', id, actor, correlationId);
  }

  list(query: { cursor?: string | undefined; limit: number }): Promise<Page<OperatorToken>> {
    return newestFirst(this.#database.models.operatorToken, 'operator-tokens', [], query, toOperatorToken);
  }
}

function toOperatorToken(row: OperatorTokenRow): OperatorToken {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    expires_at: isoOrNull(row.expires_at),
    created_by: row.created_by,
    created_at: iso(row.created_at),
    revoked_at: isoOrNull(row.revoked_at),
  };
}
