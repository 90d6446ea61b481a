import { Op, type WhereOptions } from 'sequelize';
import type { Page } from '../../../contracts/http/common.ts';
import {
  MAX_TELEMETRY_POINTS,
  type Software,
  type TelemetryHistory,
  type TelemetryListQuery,
  type TelemetryRecord,
  type TelemetrySample,
} from '../../../contracts/telemetry/telemetry.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { TelemetryRow } from '../../models/rows.ts';
import { lockPresence } from '../agent-presence/lock.ts';
import { appendAudit } from '../audit.ts';
import { decodeCursor, iso, toPage } from '../keyset.ts';
import { type TelemetryAnswer, TelemetryIntake } from './intake.ts';

/** Percentages at or above which a machine is strained and its agent DEGRADED. */
export interface Thresholds {
  readonly cpuPercent: number;
  readonly memoryPercent: number;
  readonly diskPercent: number;
}

/** Measurements of machines, in partitions of a day. */
export class TelemetryStore {
  readonly #database: Database;
  readonly #thresholds: Thresholds;
  readonly #intake: TelemetryIntake;

  constructor(database: Database, rules: Thresholds & { readonly retentionDays: number }) {
    this.#database = database;
    this.#thresholds = rules;
    this.#intake = new TelemetryIntake(database, rules.retentionDays);
  }

  /** Keeps samples of one agent, durably when it answers. */
  async add(agentId: string, samples: readonly TelemetrySample[]): Promise<TelemetryAnswer> {
    const answer = await this.#intake.take(agentId, samples);
    if (answer.kind !== 'taken') return answer;
    const latest = samples
      .filter((_, index) => answer.refusals[index] === null)
      .reduce<TelemetrySample | undefined>(
        (newest, sample) =>
          newest === undefined || Date.parse(sample.collected_at) > Date.parse(newest.collected_at)
            ? sample
            : newest,
        undefined,
      );
    if (latest !== undefined) await this.#judge(agentId, latest, answer.wasStrained);
    return answer;
  }

  /** Compares an agent's newest sample with the thresholds; asks the database only when its condition changes. */
  async #judge(agentId: string, sample: TelemetrySample, wasStrained: boolean): Promise<void> {
    const told = [sample.cpu_percent, sample.memory_percent, sample.disk_percent];
    // Such a sample says nothing of how strained the machine is.
    if (told.every((percent) => percent === null || percent === undefined)) return;
    const { cpuPercent, memoryPercent, diskPercent } = this.#thresholds;
    const strained =
      (sample.cpu_percent ?? 0) >= cpuPercent ||
      (sample.memory_percent ?? 0) >= memoryPercent ||
      (sample.disk_percent ?? 0) >= diskPercent;
    if (strained === wasStrained) return;
    await this.#setStrained(agentId, sample.collected_at, strained);
  }

  /** Unless a newer sample of the agent is known. */
  async #setStrained(agentId: string, collectedAt: string, strained: boolean): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      // By a statement of its own: after the wait for it, the next one sees agent and samples as whoever held it left them.
      await lockPresence(client, agentId);
      const { rows } = await client.query<{ before: string; after: string }>(
        `WITH old AS (
           SELECT agent_id, status FROM agent_presence WHERE agent_id = $1
             AND NOT EXISTS (SELECT FROM telemetry WHERE agent_id = $1 AND collected_at > $2::timestamptz)
         ), present AS (
           UPDATE agent_presence p SET strained = $3, status = CASE
             WHEN old.status NOT IN ('ONLINE', 'DEGRADED') THEN old.status
             WHEN $3 OR p.reports_degraded OR p.last_error IS NOT NULL THEN 'DEGRADED' ELSE 'ONLINE' END
           FROM old WHERE p.agent_id = old.agent_id RETURNING p.agent_id, old.status AS before, p.status AS after
         ), known AS (
           UPDATE agent a SET status = present.after, updated_at = now() FROM present
           WHERE a.id = present.agent_id AND a.status <> present.after
         )
         SELECT before, after FROM present`,
        [agentId, collectedAt, strained],
      );
      const row = rows[0];
      if (row === undefined || row.before === row.after) return;
      await appendAudit(client, [
        {
          actor: { type: 'agent', id: agentId },
          action: 'agent.status',
          kind: 'change',
          object_type: 'agent',
          object_id: agentId,
          before: { status: row.before },
          after: {
            status: row.after,
            reason: strained ? 'telemetry crossed a threshold' : 'telemetry is back below the thresholds',
          },
        },
      ]);
    });
  }

  /** An agent's samples, newest first. */
  async list(agentId: string, query: TelemetryListQuery): Promise<Page<TelemetryRecord>> {
    const filters: WhereOptions[] = [{ agent_id: agentId }];
    if (query.collected_after !== undefined)
      filters.push({ collected_at: { [Op.gte]: query.collected_after } });
    if (query.collected_before !== undefined)
      filters.push({ collected_at: { [Op.lte]: query.collected_before } });
    if (query.cursor !== undefined)
      filters.push({ collected_at: { [Op.lt]: decodeCursor('telemetry', query.cursor, ISO_TIME) } });
    const rows = (await this.#database.models.telemetry.findAll({
      where: { [Op.and]: filters },
      attributes: query.with_software ? { include: [] } : { exclude: ['installed_software'] },
      order: [['collected_at', 'DESC']],
      limit: query.limit + 1,
      raw: true,
    })) as unknown as TelemetryRow[];
    return toPage(
      'telemetry',
      rows,
      query.limit,
      (row) => iso(row.collected_at),
      (row) => ({
        ...row,
        collected_at: iso(row.collected_at),
        received_at: iso(row.received_at),
      }),
    );
  }

  /** Means and peaks of equal spans over the last `hours`, oldest first. */
  async history(agentId: string, hours: number): Promise<TelemetryHistory['items']> {
    const { rows } = await this.#database.pool.query<
      Omit<TelemetryHistory['items'][number], 'at'> & { readonly at: Date }
    >({
      name: 'telemetry-history',
      text: `SELECT date_bin(make_interval(secs => $3), collected_at, 'epoch') AS at,
         avg(cpu_percent) AS cpu_percent, max(cpu_percent) AS cpu_percent_max,
         avg(memory_percent) AS memory_percent, max(memory_percent) AS memory_percent_max,
         avg(disk_percent) AS disk_percent, max(disk_percent) AS disk_percent_max
       FROM telemetry WHERE agent_id = $1 AND collected_at > now() - make_interval(hours => $2)
       GROUP BY 1 ORDER BY 1`,
      values: [agentId, hours, Math.ceil((hours * 3_600) / MAX_TELEMETRY_POINTS)],
    });
    return rows.map((row) => ({ ...row, at: iso(row.at) }));
  }

  /** The software list that an agent sent last. */
  async latestSoftware(agentId: string): Promise<{ collected_at: string; software: Software[] } | undefined> {
    const row = (await this.#database.models.telemetry.findOne({
      where: { agent_id: agentId, installed_software: { [Op.ne]: null } } as WhereOptions<TelemetryRow>,
      order: [['collected_at', 'DESC']],
      raw: true,
    })) as unknown as TelemetryRow | null;
    return row === null
      ? undefined
      : { collected_at: iso(row.collected_at), software: row.installed_software ?? [] };
  }
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
