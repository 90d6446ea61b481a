import { isDeepStrictEqual } from 'node:util';
import type { Pool, PoolClient } from 'pg';
import type { CreatePipeline } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { PLATFORM_OF_FORMAT } from '../../../contracts/packaging-pipeline/steps.ts';
import {
  PACKAGING_TASK_QUEUE,
  packagingPipelineWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../../../contracts/temporal.ts';
import { inTransaction } from '../../database.ts';
import type { PipelineRow } from '../../models/packaging.ts';
import type { Origin } from '../agent-task/creation.ts';
import { appendAudit } from '../audit.ts';
import { tellWorkflow, type WorkflowMessage } from '../workflow-outbox.ts';

export type PipelineCreation =
  | { readonly kind: 'created' | 'existing'; readonly pipeline: PipelineRow }
  | { readonly kind: 'no_source' | 'key_reused' };

/**
 * Creates a pipeline; its workflow begins when the outbox is relayed. With an idempotency key that the same actor
 * used before, answers the pipeline made then if the request is the same.
 */
export function createPipeline(
  pool: Pool,
  request: CreatePipeline,
  origin: Origin,
): Promise<PipelineCreation> {
  return inTransaction(pool, (client) => createPipelineWithin(client, request, origin));
}

/** The same within the caller's transaction. */
export async function createPipelineWithin(
  client: PoolClient,
  request: CreatePipeline,
  origin: Origin,
): Promise<PipelineCreation> {
  if (origin.idempotencyKey !== undefined) {
    const earlier = await earlierPipeline(client, request, origin);
    if (earlier !== undefined) return earlier;
  }
  const sourceName = await nameOfSource(client, request.source);
  if (sourceName === undefined) return { kind: 'no_source' };
  const pipeline = await insertPipeline(client, request, sourceName, origin);
  if (pipeline === undefined)
    return (await earlierPipeline(client, request, origin)) ?? { kind: 'key_reused' };
  await tellWorkflow(client, packagingPipelineWorkflowId(pipeline.id), startOf(pipeline));
  await appendAudit(client, [
    {
      actor: origin.actor,
      action: 'packaging_pipeline.create',
      kind: 'change',
      object_type: 'packaging_pipeline',
      object_id: pipeline.id,
      after: {
        status: pipeline.status,
        package_name: pipeline.package_name,
        package_version: pipeline.package_version,
        format: pipeline.format,
        source_artifact_hash: pipeline.source_artifact_hash,
        ...(origin.retryOf === undefined ? {} : { retry_of: origin.retryOf }),
      },
      correlation_id: origin.correlationId,
    },
  ]);
  return { kind: 'created', pipeline };
}

/** The message with which the workflow of a pipeline begins; also when it was lost and begins again. */
export function startOf(pipeline: PipelineRow): Extract<WorkflowMessage, { kind: 'start' }> {
  return {
    kind: 'start',
    type: WORKFLOW_TYPES.packagingPipeline,
    taskQueue: PACKAGING_TASK_QUEUE,
    args: [pipeline.id],
    summary: `${pipeline.package_name} ${pipeline.package_version} as ${pipeline.format}`,
    details: `Correlation id ${pipeline.correlation_id}. All pipelines of the package: \`${SEARCH_ATTRIBUTES.packageName} = "${pipeline.package_name}"\``,
    searchAttributes: {
      [SEARCH_ATTRIBUTES.platform]: pipeline.platform,
      [SEARCH_ATTRIBUTES.packageName]: pipeline.package_name,
      [SEARCH_ATTRIBUTES.state]: pipeline.status,
      [SEARCH_ATTRIBUTES.correlationId]: pipeline.correlation_id,
    },
  };
}

/** The last part of the URL, or the name of the artifact, which is locked so that nobody cleans it away meanwhile. */
async function nameOfSource(
  client: PoolClient,
  source: CreatePipeline['source'],
): Promise<string | undefined> {
  if ('url' in source) return new URL(source.url).pathname.split('/').at(-1) || 'source';
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.name FROM artifact a JOIN stored_object o USING (sha256) WHERE sha256 = $1 FOR SHARE OF o`,
    [source.artifact_sha256],
  );
  return rows[0]?.name;
}

async function insertPipeline(
  client: PoolClient,
  request: CreatePipeline,
  sourceName: string,
  origin: Origin,
): Promise<PipelineRow | undefined> {
  const { description, source } = request;
  const { rows } = await client.query<PipelineRow>(
    `INSERT INTO packaging_pipeline (id, package_name, package_version, platform, format, status, source_artifact_url,
       source_artifact_hash, source_name, description, policy, sbom_format, signing_key, retry_of, correlation_id,
       created_by, idempotency_key, created_at)
     VALUES (uuid7(), $1, $2, $3, $4, 'PENDING', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())
     ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING *`,
    [
      description.name,
      description.version,
      PLATFORM_OF_FORMAT[description.format],
      description.format,
      'url' in source ? source.url : null,
      'url' in source ? source.sha256 : source.artifact_sha256,
      sourceName,
      JSON.stringify(description),
      JSON.stringify(request.policy),
      request.sbom_format,
      request.signing_key,
      origin.retryOf ?? null,
      origin.correlationId,
      origin.actor.id,
      origin.idempotencyKey ?? null,
    ],
  );
  return rows[0];
}

async function earlierPipeline(
  client: PoolClient,
  request: CreatePipeline,
  origin: Origin,
): Promise<PipelineCreation | undefined> {
  const { rows } = await client.query<PipelineRow>(
    'SELECT * FROM packaging_pipeline WHERE created_by = $1 AND idempotency_key = $2',
    [origin.actor.id, origin.idempotencyKey],
  );
  const [pipeline] = rows;
  if (pipeline === undefined) return undefined;
  const same = isDeepStrictEqual(requestOf(pipeline), JSON.parse(JSON.stringify(request)));
  return same ? { kind: 'existing', pipeline } : { kind: 'key_reused' };
}

/** The request that would make the same pipeline again, as JSON. */
export function requestOf(pipeline: PipelineRow): unknown {
  return {
    source:
      pipeline.source_artifact_url === null
        ? { artifact_sha256: pipeline.source_artifact_hash }
        : { url: pipeline.source_artifact_url, sha256: pipeline.source_artifact_hash },
    description: pipeline.description,
    sbom_format: pipeline.sbom_format,
    signing_key: pipeline.signing_key,
    policy: pipeline.policy,
  };
}
