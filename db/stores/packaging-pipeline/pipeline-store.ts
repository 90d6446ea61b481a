import type { WhereOptions } from 'sequelize';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import {
  type CreatePipeline,
  createPipelineSchema,
  type Pipeline,
  type PipelineDetails,
  type PipelineListQuery,
} from '../../../contracts/packaging-pipeline/pipeline.ts';
import { isEnded, type PipelineStatus } from '../../../contracts/packaging-pipeline/steps.ts';
import { packagingPipelineWorkflowId } from '../../../contracts/temporal.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { EvidenceRow, PipelineRow, StepRow } from '../../models/packaging.ts';
import type { Origin } from '../agent-task/creation.ts';
import { appendAudit } from '../audit.ts';
import { newestFirst } from '../keyset.ts';
import { tellWorkflow } from '../workflow-outbox.ts';
import { createPipeline, type PipelineCreation, requestOf, startOf } from './creation.ts';
import { PipelineLogStore } from './log-store.ts';
import { PipelineProgress } from './progress.ts';
import { toPipeline, toSteps } from './records.ts';

export type PipelineCancelAnswer =
  | { readonly kind: 'asked'; readonly pipeline: PipelineDetails }
  | { readonly kind: 'ended'; readonly status: PipelineStatus }
  | { readonly kind: 'not_found' };
export type PipelineRetryAnswer =
  | PipelineCreation
  | { readonly kind: 'not_found' }
  | { readonly kind: 'not_ended'; readonly status: PipelineStatus };

/** Packaging pipelines. The row is the authority for a pipeline's state; its workflow drives it. */
export class PipelineStore {
  readonly progress: PipelineProgress;
  readonly logs: PipelineLogStore;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    this.progress = new PipelineProgress(database.pool);
    this.logs = new PipelineLogStore(database.pool);
  }

  create(request: CreatePipeline, origin: Origin): Promise<PipelineCreation> {
    return createPipeline(this.#database.pool, request, origin);
  }

  /** A new pipeline with the content of one that has ended: after a failure, or to be signed and scanned anew. */
  async retry(id: string, origin: Origin): Promise<PipelineRetryAnswer> {
    const row = await this.row(id);
    if (row === undefined) return { kind: 'not_found' };
    if (!isEnded(row.status)) return { kind: 'not_ended', status: row.status };
    return this.create(createPipelineSchema.parse(requestOf(row)), { ...origin, retryOf: id });
  }

  /** Asks the pipeline's workflow to stop; it ends as FAILED soon. Asking again is harmless. */
  async cancel(id: string, actor: Actor, correlationId: string): Promise<PipelineCancelAnswer> {
    const answer = await inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<PipelineRow>(
        'SELECT * FROM packaging_pipeline WHERE id = $1 FOR UPDATE',
        [id],
      );
      const [row] = rows;
      if (row === undefined) return { kind: 'not_found' } as const;
      if (row.ended_at !== null) return { kind: 'ended', status: row.status } as const;
      if (row.cancel_requested_at !== null) return { kind: 'asked' } as const;
      await client.query('UPDATE packaging_pipeline SET cancel_requested_at = now() WHERE id = $1', [id]);
      await tellWorkflow(client, packagingPipelineWorkflowId(id), { kind: 'cancel' });
      await appendAudit(client, [
        {
          actor,
          action: 'packaging_pipeline.cancel',
          kind: 'change',
          object_type: 'packaging_pipeline',
          object_id: id,
          before: { status: row.status },
          after: { status: row.status, cancel_requested: true },
          correlation_id: correlationId,
        },
      ]);
      return { kind: 'asked' } as const;
    });
    if (answer.kind !== 'asked') return answer;
    const pipeline = await this.find(id);
    return pipeline === undefined ? { kind: 'not_found' } : { kind: 'asked', pipeline };
  }

  /** The row itself, with what operators are not shown. */
  async row(id: string): Promise<PipelineRow | undefined> {
    const { pipeline } = this.#database.models.packaging;
    return ((await pipeline.findByPk(id, { raw: true })) as PipelineRow | null) ?? undefined;
  }

  async find(id: string): Promise<PipelineDetails | undefined> {
    const row = await this.row(id);
    if (row === undefined) return undefined;
    const { steps, evidence } = await this.#parts([id]);
    return {
      ...toPipeline(row, steps, evidence[0]),
      description: row.description,
      policy: row.policy,
      steps: toSteps(steps),
    };
  }

  async list(query: PipelineListQuery): Promise<Page<Pipeline>> {
    const filters: WhereOptions[] = [];
    for (const column of ['status', 'platform', 'package_name', 'correlation_id'] as const) {
      if (query[column] !== undefined) filters.push({ [column]: query[column] });
    }
    const { pipeline } = this.#database.models.packaging;
    const rows = await newestFirst(pipeline, 'packaging-pipelines', filters, query, (row) => row);
    const { steps, evidence } = await this.#parts(rows.items.map(({ id }) => id));
    return {
      ...rows,
      items: rows.items.map((row) =>
        toPipeline(
          row,
          steps.filter(({ pipeline_id }) => pipeline_id === row.id),
          evidence.find(({ pipeline_id }) => pipeline_id === row.id),
        ),
      ),
    };
  }

  /** Pipelines that have not ended, oldest first, and were created at least `minutes` ago. */
  async listOpen(minutes: number, limit: number): Promise<string[]> {
    const { rows } = await this.#database.pool.query<{ id: string }>(
      `SELECT id FROM packaging_pipeline WHERE status IN ('PENDING', 'BUILDING', 'SIGNING', 'SCANNING')
       AND created_at <= now() - make_interval(mins => $1) ORDER BY id LIMIT $2`,
      [minutes, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Whether each of the pipelines may still need its workspace. */
  async openAmong(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.#database.pool.query<{ id: string }>(
      'SELECT id FROM packaging_pipeline WHERE id = ANY($1::uuid[]) AND ended_at IS NULL',
      [ids],
    );
    return rows.map(({ id }) => id);
  }

  /** Has the workflow of a pipeline begin again that Temporal has lost, and be cancelled when that was asked for. */
  async beginAgain(id: string): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      // Locked: who cancels it comes before, and is heard of, or tells the workflow after this.
      const { rows } = await client.query<PipelineRow>(
        'SELECT * FROM packaging_pipeline WHERE id = $1 AND ended_at IS NULL FOR UPDATE',
        [id],
      );
      const [row] = rows;
      if (row === undefined) return;
      await tellWorkflow(client, packagingPipelineWorkflowId(id), { ...startOf(row), again: true });
      if (row.cancel_requested_at !== null)
        await tellWorkflow(client, packagingPipelineWorkflowId(id), { kind: 'cancel' });
    });
  }

  /** Steps of the pipelines, and the pack that each made at its end. */
  async #parts(ids: string[]): Promise<{ steps: StepRow[]; evidence: EvidenceRow[] }> {
    if (ids.length === 0) return { steps: [], evidence: [] };
    const { step, evidence } = this.#database.models.packaging;
    const [steps, packs] = await Promise.all([
      step.findAll({ where: { pipeline_id: ids }, raw: true }),
      evidence.findAll({ where: { pipeline_id: ids, deployment_intent_id: null }, raw: true }),
    ]);
    return { steps: steps as unknown as StepRow[], evidence: packs as unknown as EvidenceRow[] };
  }
}
