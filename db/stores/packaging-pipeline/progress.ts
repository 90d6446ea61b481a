import type { Pool } from 'pg';
import type { FindingCounts } from '../../../contracts/packaging-pipeline/findings.ts';
import type { PolicyDecision } from '../../../contracts/packaging-pipeline/policy.ts';
import {
  type PipelineFailure,
  type PipelineStep,
  STATUS_OF_STEP,
} from '../../../contracts/packaging-pipeline/steps.ts';
import { packagingPipelineWorkflowId } from '../../../contracts/temporal.ts';
import type { PipelineRow, SignedFile } from '../../models/packaging.ts';

/** What a step leaves in its pipeline's row. */
export interface StepOutcome {
  readonly signed?: SignedFile;
  readonly signing_certificate_thumbprint?: string;
  readonly sbom_hash?: string;
  readonly scan_results_hash?: string;
  readonly scan_summary?: FindingCounts;
  readonly scan_pass?: boolean;
  readonly policy_decision?: PolicyDecision;
  readonly exception_ids?: readonly string[];
  readonly output_artifact_hash?: string;
  readonly output_artifact_name?: string;
  readonly output_artifact_bytes?: number;
}

const JSON_COLUMNS: ReadonlySet<string> = new Set(['signed', 'scan_summary', 'policy_decision']);
const LONGEST_MESSAGE = 4_000;

const audited = (from: string) => `audited AS (
       INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
       SELECT uuid7(), now(), 'workflow', $2, 'packaging_pipeline.move', 'change', 'packaging_pipeline', id::text,
         jsonb_build_object('status', before_status),
         jsonb_strip_nulls(jsonb_build_object('status', status, 'failure_code', failure_code)), correlation_id
       FROM ${from} WHERE status <> before_status
     )`;

/** How far pipelines have come. A pipeline that has ended takes no further word. */
export class PipelineProgress {
  readonly #pool: Pool;
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * Notes that a step begins, or begins again: then the error of the attempt before stays, until the step is done.
   * @returns the pipeline; undefined when it has ended
   */
  async beginStep(id: string, step: PipelineStep): Promise<PipelineRow | undefined> {
    const { rows } = await this.#pool.query<PipelineRow>({
      name: 'packaging-begin-step',
      text: `WITH present AS MATERIALIZED (
         SELECT id, status AS before_status FROM packaging_pipeline WHERE id = $1 AND ended_at IS NULL FOR UPDATE
       ), moved AS (
         UPDATE packaging_pipeline p SET status = $4 FROM present WHERE p.id = present.id RETURNING p.*, before_status
       ), stepped AS (
         INSERT INTO packaging_step (pipeline_id, step, status, attempts, started_at)
         SELECT id, $3, 'RUNNING', 1, clock_timestamp() FROM moved
         ON CONFLICT (pipeline_id, step) DO UPDATE SET status = 'RUNNING', attempts = packaging_step.attempts + 1,
           started_at = excluded.started_at, ended_at = NULL
       ), ${audited('moved')}
       SELECT * FROM moved`,
      values: [id, packagingPipelineWorkflowId(id), step, STATUS_OF_STEP[step]],
    });
    return rows[0];
  }

  /** Notes that a step is done and what it left, in one statement; nothing when the pipeline has ended. */
  async endStep(id: string, step: PipelineStep, outcome: StepOutcome = {}): Promise<void> {
    const values: unknown[] = [id, step];
    const set = Object.entries(outcome).map(
      ([column, value]) =>
        `${column} = $${values.push(JSON_COLUMNS.has(column) ? JSON.stringify(value) : value)}`,
    );
    await this.#pool.query(
      `WITH present AS (
         ${
           set.length === 0
             ? 'SELECT id FROM packaging_pipeline WHERE id = $1 AND ended_at IS NULL FOR SHARE'
             : `UPDATE packaging_pipeline SET ${set.join(', ')} WHERE id = $1 AND ended_at IS NULL RETURNING id`
         }
       )
       UPDATE packaging_step s SET status = 'DONE', ended_at = clock_timestamp(), error = NULL FROM present
       WHERE s.pipeline_id = present.id AND s.step = $2`,
      values,
    );
  }

  /** Notes that an attempt at a step failed; another one may follow. */
  async failStep(id: string, step: PipelineStep, message: string): Promise<void> {
    await this.#pool.query(
      `UPDATE packaging_step SET status = 'FAILED', ended_at = clock_timestamp(), error = $3
       WHERE pipeline_id = $1 AND step = $2 AND status = 'RUNNING'`,
      [id, step, message.slice(0, LONGEST_MESSAGE).toWellFormed()],
    );
  }

  /**
   * Ends a pipeline as FAILED, once; so does a step that still runs, whose error of an attempt before says nothing of this
   * end. @returns whether this did it
   */
  async fail(id: string, failure: PipelineFailure): Promise<boolean> {
    const { rows } = await this.#pool.query<{ id: string }>(
      `WITH present AS MATERIALIZED (
         SELECT id, status AS before_status FROM packaging_pipeline WHERE id = $1 AND ended_at IS NULL FOR UPDATE
       ), moved AS (
         UPDATE packaging_pipeline p SET status = 'FAILED', ended_at = now(), failure_step = $3, failure_code = $4,
           failure_message = $5 FROM present WHERE p.id = present.id RETURNING p.*, before_status
       ), stopped AS (
         UPDATE packaging_step s SET status = 'FAILED', ended_at = clock_timestamp(), error = $4
         FROM moved WHERE s.pipeline_id = moved.id AND s.status = 'RUNNING'
       ), ${audited('moved')}
       SELECT id FROM moved`,
      [
        id,
        packagingPipelineWorkflowId(id),
        failure.step,
        failure.code,
        failure.message.slice(0, LONGEST_MESSAGE).toWellFormed(),
      ],
    );
    return rows.length > 0;
  }

  /**
   * Ends a pipeline as PASSED together with its evidence: one never stands without the other. The pack that was
   * there first stays.
   */
  async pass(id: string, evidence: { readonly sha256: string; readonly signer: string }): Promise<void> {
    await this.#pool.query(
      `WITH present AS MATERIALIZED (
         SELECT id, status AS before_status FROM packaging_pipeline WHERE id = $1 AND ended_at IS NULL FOR UPDATE
       ), moved AS (
         UPDATE packaging_pipeline p SET status = 'PASSED', ended_at = now() FROM present WHERE p.id = present.id
         RETURNING p.*, before_status
       ), packed AS (
         INSERT INTO evidence_pack (id, sha256, pipeline_id, signer_thumbprint, created_at)
         SELECT uuid7(), $3, id, $4, now() FROM moved ON CONFLICT DO NOTHING
       ), stepped AS (
         UPDATE packaging_step s SET status = 'DONE', ended_at = clock_timestamp(), error = NULL FROM moved
         WHERE s.pipeline_id = moved.id AND s.step = 'evidence'
       ), ${audited('moved')}
       SELECT id FROM moved`,
      [id, packagingPipelineWorkflowId(id), evidence.sha256, evidence.signer],
    );
  }
}
