import type { Alert, AlertListQuery } from '../../../contracts/agent-presence/alert.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { alertDeliveryWorkflowId } from '../../../contracts/temporal.ts';
import { type Database, statement } from '../../database.ts';
import type { AlertRow } from '../../models/rows.ts';
import { decodeCursor, iso, isoOrNull, toPage, UUID_KEY } from '../keyset.ts';

type Row = AlertRow & { hostname: string };

const READ = 'SELECT al.*, a.hostname FROM alert al JOIN agent a ON a.id = al.agent_id';

/** Alerts and how far their delivery came. */
export class AlertStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async findBatch(batch: string): Promise<Alert[]> {
    const { rows } = await this.#database.pool.query<Row>(
      `${READ} WHERE al.delivery_batch = $1 ORDER BY al.id`,
      [batch],
    );
    return rows.map(toAlert);
  }

  /** Notes an attempt to deliver; `error` is null when it succeeded. */
  async noteAttempt(batch: string, error: string | null): Promise<void> {
    await this.#deliver(
      batch,
      `delivery_attempts = delivery_attempts + 1, delivery_error = $2,
       delivered_at = CASE WHEN $2::text IS NULL THEN now() END,
       delivery = CASE WHEN $2::text IS NULL THEN 'delivered' ELSE delivery END`,
      error,
    );
  }

  /** No attempt will follow. What the last one met says more than the reason for which no other is made. */
  async giveUp(batch: string, reason: string): Promise<void> {
    await this.#deliver(batch, `delivery = 'failed', delivery_error = COALESCE(delivery_error, $2)`, reason);
  }

  /** A Temporal that is new knows no delivery: those that have not ended begin again. */
  async beginAgain(): Promise<void> {
    await this.#database.pool.query(`UPDATE alert SET delivery_attempts = 0 WHERE delivery = 'pending'`);
  }

  /** Audits what becomes of a delivery, not each attempt. */
  async #deliver(batch: string, set: string, said: string | null): Promise<void> {
    await statement(this.#database.pool, {
      text: `WITH told AS (
         UPDATE alert SET ${set} WHERE delivery_batch = $1 AND delivery <> 'delivered' RETURNING *
       )
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
       SELECT uuid7(), now(), 'workflow', $3, 'alert.delivery', 'change', 'alert', id::text,
         '{"delivery": "pending"}', jsonb_build_object('delivery', delivery)
       FROM told WHERE delivery <> 'pending'`,
      values: [batch, said, alertDeliveryWorkflowId(batch)],
    });
  }

  async list(query: AlertListQuery): Promise<Page<Alert>> {
    const conditions: string[] = [];
    const params: unknown[] = [];
    if (query.agent_id !== undefined) conditions.push(`al.agent_id = $${params.push(query.agent_id)}`);
    if (query.open !== undefined) conditions.push(`al.resolved_at IS ${query.open ? '' : 'NOT '}NULL`);
    if (query.cursor !== undefined)
      conditions.push(`al.id < $${params.push(decodeCursor('alerts', query.cursor, UUID_KEY))}`);
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const { rows } = await this.#database.pool.query<Row>(
      `${READ} ${where} ORDER BY al.id DESC LIMIT ${query.limit + 1}`,
      params,
    );
    return toPage('alerts', rows, query.limit, (row) => row.id, toAlert);
  }
}

const toAlert = (row: Row): Alert => ({
  id: row.id,
  kind: row.kind,
  agent_id: row.agent_id,
  hostname: row.hostname,
  opened_at: iso(row.opened_at),
  resolved_at: isoOrNull(row.resolved_at),
  delivery: row.delivery,
  delivery_attempts: row.delivery_attempts,
  delivery_error: row.delivery_error,
  delivered_at: isoOrNull(row.delivered_at),
});
