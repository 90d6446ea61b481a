import type { Database } from '../../database.ts';

/** Days for which records are kept. */
export interface Retention {
  readonly telemetryDays: number;
  readonly auditDays: number;
  readonly queueDays: number;
}

/** So long agents' words can be kept although nobody makes partitions. */
const DAYS_AHEAD = 30;

/** Partitions, retention and reconciliation. */
export class MaintenanceStore {
  readonly #database: Database;
  readonly #retention: Retention;

  constructor(database: Database, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
  }

  /** Makes the partitions that inserts of the coming days need. */
  async ensurePartitions(): Promise<number> {
    const { rows } = await this.#database.pool.query<{ made: number }>(
      `SELECT ensure_partitions('telemetry', 'day', now() - make_interval(days => $1), now() + interval '${DAYS_AHEAD} days')
            + ensure_partitions('audit_event', 'month', now(), now() + interval '${2 * DAYS_AHEAD} days') AS made`,
      [this.#retention.telemetryDays],
    );
    return rows[0]?.made ?? 0;
  }

  /** Drops partitions and rows whose time is over. */
  async applyRetention(): Promise<{ dropped: string[]; queueItems: number }> {
    const dropped = [
      ...(await this.#drop('telemetry', 'day', this.#retention.telemetryDays + 1)),
      ...(await this.#drop('audit_event', 'month', this.#retention.auditDays)),
    ];
    const queue = await this.#database.pool.query(
      'DELETE FROM offline_queue_item WHERE delivered_at < now() - make_interval(days => $1)',
      [this.#retention.queueDays],
    );
    await this.#database.pool.query('DELETE FROM fleet_sample WHERE at < now() - make_interval(days => $1)', [
      this.#retention.telemetryDays,
    ]);
    // Incidents are told by the audit: they are kept as long as that.
    await this.#database.pool.query(
      `DELETE FROM incident WHERE status = 'CLOSED' AND closed_at < now() - make_interval(days => $1)`,
      [this.#retention.auditDays],
    );
    await this.#database.pool.query(`DELETE FROM ai_token_day WHERE day < now() - interval '90 days'`);
    await this.#database.pool.query(`DELETE FROM intake_outage WHERE ended_at < now() - interval '7 days'`);
    return { dropped, queueItems: queue.rowCount ?? 0 };
  }

  async #drop(parent: 'telemetry' | 'audit_event', step: 'day' | 'month', days: number): Promise<string[]> {
    const { rows } = await this.#database.pool.query<{ name: string }>(
      'SELECT drop_partitions($1::regclass, $2, now() - make_interval(days => $3)) AS name',
      [parent, step, days],
    );
    return rows.map((row) => row.name);
  }
}
