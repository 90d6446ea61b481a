import type { TelemetrySample } from '../../../contracts/telemetry/telemetry.ts';
import { GroupCommit, type GroupCommitOptions } from '../../batch/group-commit.ts';
import { type Database, statement } from '../../database.ts';

/** Samples may be this far ahead of the database's clock, in minutes. */
export const CLOCK_TOLERANCE_MINUTES = 10;

/** What became of the samples of one report; lists are in the order of the samples. */
export type TelemetryAnswer =
  | {
      readonly kind: 'taken';
      readonly isNew: readonly boolean[];
      /** Why a sample's time cannot be taken, or null if it can. */
      readonly refusals: readonly (string | null)[];
      /** Whether the agent counts as strained, as of before this report. */
      readonly wasStrained: boolean;
    }
  | { readonly kind: 'revoked' | 'unknown' };

interface Report {
  readonly agentId: string;
  readonly samples: readonly TelemetrySample[];
}

interface KeptRow {
  readonly known: boolean;
  readonly revoked: boolean;
  readonly strained: boolean;
  readonly refusal: string | null;
  readonly is_new: boolean;
}

const COLUMNS = [
  'cpu_percent',
  'memory_percent',
  'memory_used_mb',
  'memory_total_mb',
  'disk_percent',
  'disk_used_gb',
  'disk_total_gb',
] as const;

/**
 * Admission, times and samples of many agents in one statement. It reads no telemetry: with a month of partitions
 * behind and another ahead, looking into them costs more than everything else here.
 */
const KEEP = `
  WITH sample AS (
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::real[], $4::real[], $5::float8[], $6::float8[], $7::real[],
      $8::float8[], $9::float8[], $10::jsonb[], $11::jsonb[], $12::jsonb[]) WITH ORDINALITY
      AS s(agent_id, collected_at, ${COLUMNS.join(', ')}, installed_software, services, metrics, n)
  ), judged AS MATERIALIZED (
    SELECT s.*, p.agent_id IS NOT NULL AS known, COALESCE(p.revoked, false) AS revoked,
      COALESCE(p.strained, false) AS strained,
      CASE
        WHEN s.collected_at > now() + interval '${CLOCK_TOLERANCE_MINUTES} minutes'
          THEN 'collected_at lies in the future; check the clock of the machine'
        WHEN s.collected_at < now() - make_interval(days => $13)
          THEN 'collected_at lies before the retention of ' || $13 || ' days'
      END AS refusal
    FROM sample s LEFT JOIN agent_presence p ON p.agent_id = s.agent_id
  ), kept AS (
    INSERT INTO telemetry (agent_id, collected_at, received_at, ${COLUMNS.join(', ')}, installed_software, services, metrics)
    SELECT agent_id, collected_at, now(), ${COLUMNS.join(', ')}, installed_software, services, metrics
    FROM judged WHERE known AND NOT revoked AND refusal IS NULL
    ON CONFLICT (agent_id, collected_at) DO NOTHING
    RETURNING agent_id, collected_at
  )
  SELECT j.known, j.revoked, j.strained, j.refusal,
    -- A sample that is in a batch twice was new once.
    kept.agent_id IS NOT NULL AND j.n = min(j.n) OVER (PARTITION BY j.agent_id, j.collected_at) AS is_new
  FROM judged j LEFT JOIN kept ON kept.agent_id = j.agent_id AND kept.collected_at = j.collected_at
  ORDER BY j.n`;

// Nobody waits for the answer to a measurement, and a batch costs nearly the same with 3 reports as with 30.
const BATCHING: GroupCommitOptions = {
  maxBatch: 200,
  enough: 32,
  maxWaitMs: 50,
  maxConcurrent: 2,
  maxWaiting: 20_000,
};
/** Samples with which a report does not wait for others: an offline queue that is being emptied. */
const LONG_REPORT = 20;

/** Reports of many agents are written together; a batch may not grow past 200 reports of 20 samples. */
export class TelemetryIntake {
  readonly #database: Database;
  readonly #retentionDays: number;
  readonly #batches: GroupCommit<Report, TelemetryAnswer>;

  constructor(database: Database, retentionDays: number) {
    this.#database = database;
    this.#retentionDays = retentionDays;
    this.#batches = new GroupCommit((reports) => this.#keep(reports), BATCHING);
  }

  /** Durable when it answers. */
  async take(agentId: string, samples: readonly TelemetrySample[]): Promise<TelemetryAnswer> {
    const report = { agentId, samples };
    if (samples.length <= LONG_REPORT) return this.#batches.submit(report);
    const [answer] = await this.#keep([report]);
    return answer ?? { kind: 'unknown' };
  }

  async #keep(reports: readonly Report[]): Promise<TelemetryAnswer[]> {
    const all = reports.flatMap(({ agentId, samples }) => samples.map((sample) => ({ agentId, sample })));
    const json = (value: unknown) => (value === null || value === undefined ? null : JSON.stringify(value));
    const { rows } = await statement<KeptRow>(this.#database.pool, {
      name: 'telemetry-keep',
      text: KEEP,
      values: [
        all.map(({ agentId }) => agentId),
        all.map(({ sample }) => sample.collected_at),
        ...COLUMNS.map((column) => all.map(({ sample }) => sample[column] ?? null)),
        all.map(({ sample }) => json(sample.installed_software)),
        all.map(({ sample }) => json(sample.services)),
        all.map(({ sample }) => json(sample.metrics)),
        this.#retentionDays,
      ],
    });
    let from = 0;
    return reports.map(({ samples }) => {
      const own = rows.slice(from, from + samples.length);
      from += samples.length;
      return toAnswer(own);
    });
  }
}

function toAnswer(rows: readonly KeptRow[]): TelemetryAnswer {
  const first = rows[0];
  if (first?.known === false) return { kind: 'unknown' };
  if (first?.revoked === true) return { kind: 'revoked' };
  return {
    kind: 'taken',
    isNew: rows.map((row) => row.is_new),
    refusals: rows.map((row) => row.refusal),
    wasStrained: first?.strained === true,
  };
}
