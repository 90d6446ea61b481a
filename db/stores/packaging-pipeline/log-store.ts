import type { Pool } from 'pg';
import { MAX_LOG_BYTES, type PipelineLog } from '../../../contracts/packaging-pipeline/pipeline.ts';

const FULL = '\n[The log is full: what follows is not kept.]\n';

/** What the tools of a pipeline say, readable while they run; bounded. */
export class PipelineLogStore {
  readonly #pool: Pool;
  readonly #maxBytes: number;

  constructor(pool: Pool, maxBytes = MAX_LOG_BYTES) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
  }

  /** Appends one piece, in one statement; what would go past the bound is dropped, once with a word of it. */
  async append(pipelineId: string, text: string): Promise<void> {
    // Postgres keeps neither NUL nor half characters.
    const content = text.replaceAll('\u0000', '\uFFFD').toWellFormed();
    if (content === '') return;
    await this.#pool.query({
      name: 'packaging-log-append',
      text: `WITH piece AS (
         SELECT $2::text AS content, octet_length($2::text) AS size
       ), taken AS (
         INSERT INTO packaging_log AS l (pipeline_id, bytes, full_at)
         SELECT $1, CASE WHEN size > $3 THEN octet_length($4::text) ELSE size END,
           CASE WHEN size > $3 THEN now() END FROM piece
         ON CONFLICT (pipeline_id) DO UPDATE SET
           bytes = l.bytes + CASE WHEN l.bytes + octet_length($2::text) > $3 THEN octet_length($4::text)
             ELSE octet_length($2::text) END,
           full_at = CASE WHEN l.bytes + octet_length($2::text) > $3 THEN now() END
           WHERE l.full_at IS NULL
         RETURNING bytes, full_at
       )
       INSERT INTO packaging_log_piece (pipeline_id, start_byte, content)
       SELECT $1, bytes - octet_length(kept), kept FROM (
         SELECT bytes, CASE WHEN full_at IS NULL THEN $2::text ELSE $4::text END AS kept FROM taken) AS t`,
      values: [pipelineId, content, this.#maxBytes, FULL],
    });
  }

  /**
   * Whole pieces from `offset` on, which must be a beginning or a `next_offset`; of these, where `tail` is given, those
   * that the last `tail` bytes lie in. Undefined without a pipeline.
   */
  async read(
    pipelineId: string,
    offset: number,
    limit: number,
    tail?: number,
  ): Promise<PipelineLog | undefined> {
    // One statement: what ended before it was read has no piece that it missed.
    const { rows } = await this.#pool.query<{
      ended: boolean;
      bytes: number;
      content: string | null;
      start_byte: number | null;
    }>(
      `SELECT p.ended_at IS NOT NULL AS ended, COALESCE(l.bytes, 0) AS bytes, piece.content, piece.start_byte
       FROM packaging_pipeline p LEFT JOIN packaging_log l ON l.pipeline_id = p.id
       LEFT JOIN LATERAL (
         SELECT content, start_byte FROM packaging_log_piece
         WHERE pipeline_id = p.id AND start_byte >= GREATEST($2, (
           SELECT max(start_byte) FROM packaging_log_piece WHERE pipeline_id = p.id AND start_byte <= l.bytes - $4::bigint))
         ORDER BY start_byte LIMIT $3) piece ON true
       WHERE p.id = $1 ORDER BY piece.start_byte`,
      [pipelineId, offset, limit, tail ?? null],
    );
    const [first] = rows;
    if (first === undefined) return undefined;
    const text = rows.map(({ content }) => content ?? '').join('');
    const last = rows.at(-1);
    const next_offset =
      last?.start_byte == null ? offset : last.start_byte + Buffer.byteLength(last.content ?? '');
    return { text, next_offset, complete: first.ended && next_offset >= first.bytes };
  }
}
