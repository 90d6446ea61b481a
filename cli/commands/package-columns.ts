import type { JudgedFinding } from '../../contracts/packaging-pipeline/findings.ts';
import {
  type Pipeline,
  type PipelineStepRecord,
  troubleInWords,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import type { RuleOutcome } from '../../contracts/packaging-pipeline/policy.ts';
import { type Column, text } from '../output/printer.ts';

export const pipelineColumns: readonly Column<Pipeline>[] = [
  { title: 'ID', text: (pipeline) => pipeline.id },
  { title: 'PACKAGE', text: (pipeline) => text(`${pipeline.package_name} ${pipeline.package_version}`) },
  { title: 'FORMAT', text: (pipeline) => pipeline.format },
  { title: 'STATUS', text: (pipeline, out) => out.status(pipeline.status) },
  { title: 'SCAN', text: (pipeline) => scanOf(pipeline) },
  { title: 'CREATED', text: (pipeline, out) => out.time(pipeline.created_at) },
  { title: 'ENDED', text: (pipeline, out) => out.time(pipeline.ended_at) },
];

export const pipelineFields: readonly Column<Pipeline>[] = [
  ...pipelineColumns,
  {
    title: 'SOURCE',
    text: (pipeline) => text(pipeline.source_artifact_url ?? pipeline.source_artifact_hash),
  },
  { title: 'OUTPUT', text: (pipeline) => text(pipeline.output_artifact_name) },
  { title: 'OUTPUT SHA-256', text: (pipeline) => text(pipeline.output_artifact_hash) },
  { title: 'SIGNED BY', text: (pipeline) => text(pipeline.signing_certificate_thumbprint) },
  { title: 'WARNINGS', text: ({ signing_warnings }) => text(signing_warnings.join('; ')) },
  { title: 'DECISION', text: (pipeline) => text(pipeline.policy_decision?.verdict) },
  { title: 'EXCEPTIONS', text: (pipeline) => text(pipeline.exception_ids.join(', ')) },
  { title: 'EVIDENCE', text: (pipeline) => text(pipeline.evidence_id) },
  { title: 'FAILURE', text: (pipeline) => text(failureOf(pipeline)) },
  { title: 'LAST ERROR', text: ({ last_error }) => text(last_error && troubleInWords(last_error)) },
  { title: 'RETRY OF', text: (pipeline) => text(pipeline.retry_of) },
  { title: 'CREATED BY', text: (pipeline) => text(pipeline.created_by) },
  { title: 'CORRELATION ID', text: (pipeline) => text(pipeline.correlation_id) },
  { title: 'WORKFLOW', text: (pipeline) => text(pipeline.workflow_id) },
];

export const findingColumns: readonly Column<JudgedFinding>[] = [
  { title: 'SEVERITY', text: ({ severity }) => severity },
  { title: 'ID', text: (finding) => text(finding.id) },
  { title: 'PACKAGE', text: (finding) => text(finding.package) },
  { title: 'INSTALLED', text: (finding) => text(finding.version) },
  { title: 'FIXED IN', text: (finding) => text(finding.fixed_version) },
  { title: 'EXCUSED BY', text: (finding) => text(finding.excused_by) },
  { title: 'TITLE', text: (finding) => text(finding.title) },
];

export const stepColumns: readonly Column<PipelineStepRecord>[] = [
  { title: 'STEP', text: ({ step }) => step },
  { title: 'STATUS', text: ({ status }, out) => out.status(status) },
  { title: 'ATTEMPTS', text: ({ attempts }) => String(attempts) },
  {
    title: 'SECONDS',
    text: ({ duration_ms }) => (duration_ms === null ? '-' : (duration_ms / 1_000).toFixed(1)),
  },
  { title: 'ERROR', text: ({ error }) => text(error) },
];

export const ruleColumns: readonly Column<RuleOutcome>[] = [
  { title: 'RULE', text: ({ rule }) => rule },
  { title: 'OUTCOME', text: ({ outcome }, out) => out.status(outcome) },
  { title: 'WHY', text: ({ reason }) => text(reason) },
  { title: 'FINDINGS', text: ({ findings }) => text(findings.join(', ')) },
];

/** How a pipeline failed; null when it did not. */
export const failureOf = ({ failure_step, failure_code, failure_message }: Pipeline): string | null =>
  failure_code === null
    ? null
    : `${failure_step === null ? '' : `${failure_step}: `}${failure_code}: ${failure_message ?? ''}`;

function scanOf({ scan_pass, scan_summary }: Pipeline): string {
  if (scan_pass === null || scan_summary === null) return '-';
  const { critical, high } = scan_summary;
  return scan_pass ? 'passed' : `${critical} critical, ${high} high`;
}
