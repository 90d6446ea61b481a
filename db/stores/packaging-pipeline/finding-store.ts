import type { Page } from '../../../contracts/http/common.ts';
import {
  type Finding,
  type FindingListQuery,
  type JudgedFinding,
  SEVERITIES,
} from '../../../contracts/packaging-pipeline/findings.ts';
import { type Database, inTransaction } from '../../database.ts';
import { decodeCursor, isoOrNull, toPage } from '../keyset.ts';

type FindingRow = Omit<Finding, 'id' | 'published_at'> & {
  readonly position: number;
  readonly finding_id: string;
  readonly published_at: Date | null;
  readonly excused_by: string | null;
};

const LIST = 'findings';
const POSITION_KEY = /^\d{1,9}$/;
/** More than anybody reads; databases of weaknesses hold essays. */
const MAX_TEXT = 1_000;

/** What scanners found, one by one, the worst first. */
export class FindingStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** Sets the findings of a pipeline; a scan that is run again replaces those of the one before. */
  async replace(pipelineId: string, findings: readonly Finding[]): Promise<void> {
    const rows = [...findings].sort(worstFirst).map((finding, position) => storable(finding, position));
    await inTransaction(this.#database.pool, async (client) => {
      // An attempt that was given up for lost may still be at it: its findings are seen, and replaced, after it.
      await client.query('SELECT 1 FROM packaging_pipeline WHERE id = $1 FOR NO KEY UPDATE', [pipelineId]);
      await client.query('DELETE FROM pipeline_finding WHERE pipeline_id = $1', [pipelineId]);
      await client.query(
        `INSERT INTO pipeline_finding (pipeline_id, position, severity, finding_id, aliases, package, version,
           fixed_version, source, path, title, published_at)
         SELECT $1, position, severity, finding_id, aliases, package, version, fixed_version, source, path, title, published_at
         FROM jsonb_to_recordset($2::jsonb) AS f(position int, severity text, finding_id text, aliases text[],
           package text, version text, fixed_version text, source text, path text, title text, published_at timestamptz)`,
        [pipelineId, JSON.stringify(rows)],
      );
    });
  }

  /** With the exception that excused each, of those that the pipeline's decision rests on. */
  async list(pipelineId: string, query: FindingListQuery): Promise<Page<JudgedFinding>> {
    const after = query.cursor === undefined ? -1 : Number(decodeCursor(LIST, query.cursor, POSITION_KEY));
    const { rows } = await this.#database.pool.query<FindingRow>(
      `SELECT f.*, excuse.id AS excused_by
       FROM pipeline_finding f JOIN packaging_pipeline p ON p.id = f.pipeline_id
       LEFT JOIN LATERAL (
         SELECT e.id FROM policy_exception e
         WHERE e.id = ANY(p.exception_ids) AND e.cve_ids && (f.aliases || f.finding_id) ORDER BY e.id LIMIT 1
       ) excuse ON true
       WHERE f.pipeline_id = $1 AND f.position > $2 AND ($3::text IS NULL OR f.severity = $3)
       ORDER BY f.position LIMIT $4`,
      [pipelineId, after, query.severity ?? null, query.limit + 1],
    );
    return toPage(LIST, rows, query.limit, ({ position }) => String(position), toFinding);
  }
}

const rank = ({ severity }: Finding): number => SEVERITIES.indexOf(severity);
const worstFirst = (a: Finding, b: Finding): number =>
  rank(a) - rank(b) || compare(a.package, b.package) || compare(a.id, b.id);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Without what Postgres' text cannot keep, and cut to a length. */
function storable({ id, ...finding }: Finding, position: number): Record<string, unknown> {
  const kept = (value: unknown): unknown =>
    typeof value === 'string'
      ? value.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed()
      : Array.isArray(value)
        ? value.map(kept)
        : value;
  const fields = Object.entries({ ...finding, finding_id: id });
  return { ...Object.fromEntries(fields.map(([name, value]) => [name, kept(value)])), position };
}

const toFinding = ({ position: _, finding_id, published_at, ...row }: FindingRow): JudgedFinding => ({
  id: finding_id,
  aliases: row.aliases,
  package: row.package,
  version: row.version,
  fixed_version: row.fixed_version,
  severity: row.severity,
  source: row.source,
  path: row.path,
  title: row.title,
  published_at: isoOrNull(published_at),
  excused_by: row.excused_by,
});
