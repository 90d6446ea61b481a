import type { AgentCertificate, AgentCertificateListQuery } from '../../../contracts/agent/certificate.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, statement } from '../../database.ts';
import { decodeCursor, iso, isoOrNull, toPage } from '../keyset.ts';

export interface CertificateRecord {
  readonly serial: string;
  /** SHA-256 over the DER form, hexadecimal. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Fingerprint of the authority that signed it. */
  readonly authority: string;
}

interface CertificateRow {
  readonly serial: string;
  readonly fingerprint_sha256: string;
  readonly subject: string | null;
  readonly not_before: Date | null;
  readonly not_after: Date;
  readonly issued_at: Date;
}

const LIST = 'agent-certificates';
const SERIAL_KEY = /^[0-9a-f]{1,40}$/i;

/** The certificates that agents were given. */
export class CertificateStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** Notes a certificate that was issued. */
  async add(agentId: string, certificate: CertificateRecord, correlationId: string): Promise<void> {
    const { serial, fingerprint, subject, notBefore, notAfter, authority } = certificate;
    await statement(this.#database.pool, {
      name: 'agent-certificate-add',
      text: `WITH issued AS (
          INSERT INTO agent_certificate (serial, agent_id, fingerprint_sha256, subject, not_before, not_after, issued_at, authority_sha256)
          VALUES ($1, $2, $3, $4, $5, $6, now(), $9) RETURNING agent_id::text
        )
        INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, after, correlation_id)
        SELECT uuid7(), now(), 'agent', agent_id, 'agent.certificate_issued', 'change', 'agent', agent_id, $7, $8
        FROM issued`,
      values: [
        serial,
        agentId,
        fingerprint,
        subject,
        notBefore,
        notAfter,
        JSON.stringify({ serial, fingerprint_sha256: fingerprint, not_after: notAfter }),
        correlationId,
        authority,
      ],
    });
  }

  /** Those of one agent, the one issued last first. */
  async list(agentId: string, query: AgentCertificateListQuery): Promise<Page<AgentCertificate>> {
    const last = query.cursor === undefined ? null : decodeCursor(LIST, query.cursor, SERIAL_KEY);
    const { rows } = await this.#database.pool.query<CertificateRow>(
      `SELECT serial, fingerprint_sha256, subject, not_before, not_after, issued_at FROM agent_certificate
       WHERE agent_id = $1 AND ($2::text IS NULL OR (issued_at, serial) <
         (SELECT issued_at, serial FROM agent_certificate WHERE serial = $2 AND agent_id = $1))
       ORDER BY issued_at DESC, serial DESC LIMIT $3`,
      [agentId, last, query.limit + 1],
    );
    return toPage(LIST, rows, query.limit, ({ serial }) => serial, toCertificate);
  }
}

const toCertificate = (row: CertificateRow): AgentCertificate => ({
  ...row,
  not_before: isoOrNull(row.not_before),
  not_after: iso(row.not_after),
  issued_at: iso(row.issued_at),
});
