import type { PoolClient } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import type {
  ExceptionStatus,
  PolicyException,
  PolicyExceptionListQuery,
  PolicyExceptionRequest,
} from '../../../contracts/packaging-pipeline/exception.ts';
import { type Database, inTransaction } from '../../database.ts';
import { appendAudit } from '../audit.ts';
import { decodeCursor, iso, isoOrNull, toPage, UUID_KEY } from '../keyset.ts';
import { sameName } from '../same-name.ts';

interface Row {
  id: string;
  status: ExceptionStatus;
  package_name: string;
  package_version: string | null;
  cve_ids: string[];
  reason: string;
  requested_by: string;
  approver: string | null;
  approved_at: Date | null;
  expires_at: Date;
  revoked_at: Date | null;
  revoked_by: string | null;
  created_at: Date;
  correlation_id: string;
}

export type ExceptionMove =
  | { readonly kind: 'done'; readonly exception: PolicyException }
  | { readonly kind: 'not_found' | 'own_request' }
  | { readonly kind: 'refused'; readonly status: ExceptionStatus };

const STATUS = `CASE WHEN revoked_at IS NOT NULL THEN 'REVOKED' WHEN expires_at <= now() THEN 'EXPIRED'
  WHEN approved_at IS NOT NULL THEN 'APPROVED' ELSE 'REQUESTED' END`;
const COLUMNS = `*, ${STATUS} AS status`;

/** What may be excused, by whose word and for how long. Nobody approves what they asked for: the table refuses it. */
export class PolicyExceptionStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  request(request: PolicyExceptionRequest, actor: Actor, correlationId: string): Promise<PolicyException> {
    return inTransaction(this.#database.pool, (client) =>
      requestException(client, request, actor, correlationId),
    );
  }

  approve(id: string, actor: Actor, correlationId: string): Promise<ExceptionMove> {
    return this.#move(id, actor, correlationId, 'approve', (present) => {
      if (present.status === 'APPROVED' && present.approver === actor.id) return 'already';
      if (present.status !== 'REQUESTED') return { kind: 'refused', status: present.status };
      return sameName(present.requested_by, actor.id)
        ? { kind: 'own_request' }
        : 'approver = $2, approved_at = now()';
    });
  }

  /** Ends an exception at once; pipelines that have passed stay as they are. Saying it again is harmless. */
  revoke(id: string, actor: Actor, correlationId: string): Promise<ExceptionMove> {
    return this.#move(id, actor, correlationId, 'revoke', (present) =>
      present.status === 'REVOKED' ? 'already' : 'revoked_by = $2, revoked_at = now()',
    );
  }

  #move(
    id: string,
    actor: Actor,
    correlationId: string,
    word: 'approve' | 'revoke',
    judge: (present: Row) => string | Exclude<ExceptionMove, { kind: 'done' }>,
  ): Promise<ExceptionMove> {
    return inTransaction(this.#database.pool, async (client): Promise<ExceptionMove> => {
      const { rows } = await client.query<Row>(
        `SELECT ${COLUMNS} FROM policy_exception WHERE id = $1 FOR UPDATE`,
        [id],
      );
      const [present] = rows;
      if (present === undefined) return { kind: 'not_found' };
      const set = judge(present);
      if (typeof set !== 'string') return set;
      if (set === 'already') return { kind: 'done', exception: toException(present) };
      const moved = await client.query<Row>(
        `UPDATE policy_exception SET ${set} WHERE id = $1 RETURNING ${COLUMNS}`,
        [id, actor.id],
      );
      const exception = toException(moved.rows[0] as Row);
      await appendAudit(client, [
        {
          ...audit(exception, actor, correlationId, word),
          before: { status: present.status },
          after: { status: exception.status },
        },
      ]);
      return { kind: 'done', exception };
    });
  }

  /** Those that excuse findings of this package right now. */
  async findInForce(packageName: string, packageVersion: string): Promise<PolicyException[]> {
    const { rows } = await this.#database.pool.query<Row>(
      `SELECT ${COLUMNS} FROM policy_exception WHERE package_name = $1 AND (package_version IS NULL OR package_version = $2)
       AND ${STATUS} = 'APPROVED' ORDER BY id`,
      [packageName, packageVersion],
    );
    return rows.map(toException);
  }

  async find(id: string): Promise<PolicyException | undefined> {
    const { rows } = await this.#database.pool.query<Row>(
      `SELECT ${COLUMNS} FROM policy_exception WHERE id = $1`,
      [id],
    );
    return rows[0] && toException(rows[0]);
  }

  async list(query: PolicyExceptionListQuery): Promise<Page<PolicyException>> {
    const params: unknown[] = [];
    const conditions: string[] = [];
    if (query.package_name !== undefined)
      conditions.push(`package_name = $${params.push(query.package_name)}`);
    if (query.status !== undefined) conditions.push(`${STATUS} = $${params.push(query.status)}`);
    if (query.cursor !== undefined)
      conditions.push(`id < $${params.push(decodeCursor('policy-exceptions', query.cursor, UUID_KEY))}`);
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const { rows } = await this.#database.pool.query<Row>(
      `SELECT ${COLUMNS} FROM policy_exception ${where} ORDER BY id DESC LIMIT ${query.limit + 1}`,
      params,
    );
    return toPage('policy-exceptions', rows, query.limit, (row) => row.id, toException);
  }
}

/** Asks for an exception within the caller's transaction. */
export async function requestException(
  client: PoolClient,
  request: PolicyExceptionRequest,
  actor: Actor,
  correlationId: string,
): Promise<PolicyException> {
  const { rows } = await client.query<Row>(
    `INSERT INTO policy_exception (id, package_name, package_version, cve_ids, reason, requested_by, expires_at,
       created_at, correlation_id)
     VALUES (uuid7(), $1, $2, $3, $4, $5, now() + make_interval(secs => $6), now(), $7) RETURNING ${COLUMNS}`,
    [
      request.package_name,
      request.package_version ?? null,
      [...new Set(request.cve_ids)].sort(),
      request.reason,
      actor.id,
      request.expires_in_seconds,
      correlationId,
    ],
  );
  const exception = toException(rows[0] as Row);
  const { package_name, package_version, cve_ids, expires_at } = exception;
  await appendAudit(client, [
    {
      ...audit(exception, actor, correlationId, 'request'),
      after: { status: exception.status, package_name, package_version, cve_ids, expires_at },
    },
  ]);
  return exception;
}

const audit = (exception: PolicyException, actor: Actor, correlationId: string, word: string) => ({
  actor,
  action: `policy_exception.${word}`,
  kind: 'change' as const,
  object_type: 'policy_exception',
  object_id: exception.id,
  correlation_id: correlationId,
});

const toException = (row: Row): PolicyException => ({
  id: row.id,
  status: row.status,
  package_name: row.package_name,
  package_version: row.package_version,
  cve_ids: row.cve_ids,
  reason: row.reason,
  requested_by: row.requested_by,
  approver: row.approver,
  approved_at: isoOrNull(row.approved_at),
  expires_at: iso(row.expires_at),
  revoked_at: isoOrNull(row.revoked_at),
  revoked_by: row.revoked_by,
  created_at: iso(row.created_at),
  correlation_id: row.correlation_id,
});
