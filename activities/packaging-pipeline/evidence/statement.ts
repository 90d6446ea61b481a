import { createHash } from 'node:crypto';
import {
  BUILD_TYPE,
  BYPRODUCTS,
  type EvidenceIntent,
  PREDICATE_TYPE,
  STATEMENT_TYPE,
} from '../../../contracts/packaging-pipeline/evidence.ts';
import { packagingPipelineWorkflowId } from '../../../contracts/temporal.ts';
import type { PipelineRow } from '../../../db/models/packaging.ts';
import type { ToolReport } from '../../../packaging/index.ts';
import { withoutSecrets } from '../source.ts';
import type { UnsignedStatement } from './signer.ts';

const SBOM_MEDIA_TYPE = {
  cyclonedx: 'application/vnd.cyclonedx+json',
  spdx: 'application/spdx+json',
} as const;

/** What is attested of a pipeline that has come to its end: an in-toto statement with SLSA provenance. */
export function statementOf(
  pipeline: PipelineRow,
  report: ToolReport,
  intent: EvidenceIntent | null,
  finishedOn: Date,
): UnsignedStatement {
  const { signed, policy_decision, sbom_hash, scan_results_hash, scan_summary, scan_pass } = pipeline;
  if (
    signed === null ||
    policy_decision === null ||
    sbom_hash === null ||
    scan_results_hash === null ||
    scan_summary === null ||
    scan_pass === null
  )
    throw new Error(`Pipeline ${pipeline.id} has no whole record yet`);
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: signed.name, digest: { sha256: signed.sha256 } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          package_name: pipeline.package_name,
          package_version: pipeline.package_version,
          platform: pipeline.platform,
          format: pipeline.format,
          sbom_format: pipeline.sbom_format,
          signing_key: pipeline.signing_key,
          description_sha256: createHash('sha256').update(canonicalJson(pipeline.description)).digest('hex'),
        },
        internalParameters: { pipeline_id: pipeline.id, created_by: pipeline.created_by },
        resolvedDependencies: [
          {
            name: pipeline.source_name,
            digest: { sha256: pipeline.source_artifact_hash },
            ...(pipeline.source_artifact_url === null
              ? {}
              : { uri: withoutSecrets(pipeline.source_artifact_url) }),
          },
        ],
      },
      runDetails: {
        builder: {
          id: 'https://eucora.dev/packaging-worker',
          version: Object.fromEntries(report.tools.map(({ name, version }) => [name, version])),
          builderDependencies: report.tools.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
        },
        metadata: {
          invocationId: packagingPipelineWorkflowId(pipeline.id),
          startedOn: pipeline.created_at.toISOString(),
          finishedOn: finishedOn.toISOString(),
        },
        byproducts: [
          {
            name: BYPRODUCTS.sbom,
            digest: { sha256: sbom_hash },
            mediaType: SBOM_MEDIA_TYPE[pipeline.sbom_format],
          },
          { name: BYPRODUCTS.scan, digest: { sha256: scan_results_hash }, mediaType: 'application/json' },
        ],
      },
      eucora: {
        signing: {
          certificate_thumbprint: signed.signature.thumbprint,
          subject: signed.signature.subject,
          expires_at: signed.signature.expires_at,
          timestamped: signed.signature.timestamped,
        },
        isolation: report.isolation,
        scan: { passed: scan_pass, findings: scan_summary },
        policy: policy_decision,
        exceptions: pipeline.exception_ids,
        intent,
      },
    },
  };
}

/** JSON with the names of each object in order, so that the same content has the same hash wherever it was kept. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
