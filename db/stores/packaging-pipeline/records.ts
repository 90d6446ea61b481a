import type { EvidencePack } from '../../../contracts/packaging-pipeline/evidence.ts';
import type {
  Pipeline,
  PipelineStepRecord,
  StepTrouble,
} from '../../../contracts/packaging-pipeline/pipeline.ts';
import { PIPELINE_STEPS, type PipelineStep } from '../../../contracts/packaging-pipeline/steps.ts';
import { packagingPipelineWorkflowId } from '../../../contracts/temporal.ts';
import type { EvidenceRow, PipelineRow, StepRow } from '../../models/packaging.ts';
import { iso, isoOrNull } from '../keyset.ts';

/** The pipeline as operators see it; `steps` and `evidence` are its own. */
export function toPipeline(
  row: PipelineRow,
  steps: readonly StepRow[],
  evidence: EvidenceRow | undefined,
): Pipeline {
  const at = `/api/v1/packaging-pipelines/${row.id}`;
  const stepOf = (name: PipelineStep) => steps.find(({ step }) => step === name);
  const began = (name: PipelineStep) => isoOrNull(stepOf(name)?.started_at ?? null);
  const ended = (name: PipelineStep) => isoOrNull(stepOf(name)?.ended_at ?? null);
  return {
    id: row.id,
    package_name: row.package_name,
    package_version: row.package_version,
    platform: row.platform,
    format: row.format,
    status: row.status,
    source_artifact_url: row.source_artifact_url,
    source_artifact_hash: row.source_artifact_hash,
    build_started_at: began('build'),
    build_ended_at: ended('build'),
    sign_started_at: began('sign'),
    sign_ended_at: ended('sign'),
    sbom_started_at: began('sbom'),
    sbom_ended_at: ended('sbom'),
    scan_started_at: began('scan'),
    scan_ended_at: ended('scan'),
    signing_key: row.signing_key,
    signing_certificate_thumbprint: row.signing_certificate_thumbprint,
    signing_warnings: [...(row.signed?.signature.warnings ?? [])],
    sbom_format: row.sbom_format,
    sbom_url: row.sbom_hash === null ? null : `${at}/sbom`,
    sbom_hash: row.sbom_hash,
    build_logs_url: `${at}/log`,
    scan_results_url: row.scan_results_hash === null ? null : `${at}/scan`,
    scan_results_hash: row.scan_results_hash,
    scan_summary: row.scan_summary,
    scan_pass: row.scan_pass,
    policy_decision: row.policy_decision,
    exception_id: row.exception_ids[0] ?? null,
    exception_ids: row.exception_ids,
    output_artifact_url:
      row.output_artifact_hash === null ? null : `/api/v1/artifacts/${row.output_artifact_hash}`,
    output_artifact_hash: row.output_artifact_hash,
    output_artifact_name: row.output_artifact_name,
    output_artifact_bytes: row.output_artifact_bytes === null ? null : Number(row.output_artifact_bytes),
    evidence_id: evidence?.id ?? null,
    evidence_hash: evidence?.sha256 ?? null,
    failure_step: row.failure_step,
    failure_code: row.failure_code,
    failure_message: row.failure_message,
    last_error: row.ended_at === null ? troubleOf(steps) : null,
    cancel_requested_at: isoOrNull(row.cancel_requested_at),
    retry_of: row.retry_of,
    correlation_id: row.correlation_id,
    created_by: row.created_by,
    created_at: iso(row.created_at),
    ended_at: isoOrNull(row.ended_at),
    workflow_id: packagingPipelineWorkflowId(row.id),
  };
}

/** The step that failed last of those that are tried again. */
function troubleOf(steps: readonly StepRow[]): StepTrouble | null {
  const [last] = steps
    .filter(({ error }) => error !== null)
    .sort((one, other) => other.started_at.getTime() - one.started_at.getTime());
  if (last === undefined || last.error === null) return null;
  // While another attempt is under way it has been counted.
  const attempt = last.status === 'RUNNING' ? last.attempts - 1 : last.attempts;
  return { step: last.step, attempt, message: last.error };
}

/** In the order of the story. */
export function toSteps(rows: readonly StepRow[]): PipelineStepRecord[] {
  return [...rows]
    .sort((one, other) => PIPELINE_STEPS.indexOf(one.step) - PIPELINE_STEPS.indexOf(other.step))
    .map((row) => ({
      step: row.step,
      status: row.status,
      attempts: row.attempts,
      started_at: iso(row.started_at),
      ended_at: isoOrNull(row.ended_at),
      duration_ms: row.ended_at === null ? null : row.ended_at.getTime() - row.started_at.getTime(),
      error: row.error,
    }));
}

export const toEvidencePack = (row: EvidenceRow): EvidencePack => ({
  id: row.id,
  sha256: row.sha256,
  pipeline_id: row.pipeline_id,
  deployment_intent_id: row.deployment_intent_id,
  signer_thumbprint: row.signer_thumbprint,
  created_at: iso(row.created_at),
});
