import { DataTypes, type Model, type ModelAttributes, type ModelStatic } from 'sequelize';
import type { Platform } from '../../contracts/agent/agent.ts';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import type { FindingCounts } from '../../contracts/packaging-pipeline/findings.ts';
import type { PolicyDecision } from '../../contracts/packaging-pipeline/policy.ts';
import type {
  PipelineStatus,
  PipelineStep,
  SbomFormat,
  StepStatus,
} from '../../contracts/packaging-pipeline/steps.ts';

type Json = Record<string, unknown>;
type Table<Row extends object> = ModelStatic<Model<Row, Partial<Row>>>;

/** The signed package: where its content lies in the store, and who signed it. */
export interface SignedFile {
  readonly name: string;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly signature: {
    readonly thumbprint: string;
    readonly subject: string;
    readonly expires_at: string | null;
    readonly timestamped: boolean;
    readonly warnings: readonly string[];
  };
}

export interface PipelineRow {
  id: string;
  package_name: string;
  package_version: string;
  platform: Platform;
  format: PackageFormat;
  status: PipelineStatus;
  source_artifact_url: string | null;
  source_artifact_hash: string;
  source_name: string;
  description: Json;
  policy: Json;
  sbom_format: SbomFormat;
  signing_key: string;
  /** The signed package, before it counts as the pipeline's output. */
  signed: SignedFile | null;
  signing_certificate_thumbprint: string | null;
  sbom_hash: string | null;
  scan_results_hash: string | null;
  scan_summary: FindingCounts | null;
  scan_pass: boolean | null;
  policy_decision: PolicyDecision | null;
  exception_ids: string[];
  output_artifact_hash: string | null;
  output_artifact_name: string | null;
  output_artifact_bytes: number | null;
  failure_step: PipelineStep | null;
  failure_code: string | null;
  failure_message: string | null;
  cancel_requested_at: Date | null;
  retry_of: string | null;
  correlation_id: string;
  created_by: string;
  created_at: Date;
  ended_at: Date | null;
}

export interface StepRow {
  pipeline_id: string;
  step: PipelineStep;
  status: StepStatus;
  attempts: number;
  started_at: Date;
  ended_at: Date | null;
  error: string | null;
}

export interface EvidenceRow {
  id: string;
  sha256: string;
  pipeline_id: string;
  deployment_intent_id: string | null;
  signer_thumbprint: string;
  created_at: Date;
}

export interface PackagingModels {
  readonly pipeline: Table<PipelineRow>;
  readonly step: Table<StepRow>;
  readonly evidence: Table<EvidenceRow>;
}

const { BIGINT, BOOLEAN, DATE, INTEGER, JSONB, TEXT, UUID } = DataTypes;
const id = { type: UUID, primaryKey: true };

type DefineTable = <Row extends object>(
  name: string,
  columns: ModelAttributes<Model<Row, Partial<Row>>, Row>,
) => Table<Row>;

export function definePackagingModels(table: DefineTable): PackagingModels {
  return {
    pipeline: table<PipelineRow>('packaging_pipeline', {
      id,
      package_name: TEXT,
      package_version: TEXT,
      platform: TEXT,
      format: TEXT,
      status: TEXT,
      source_artifact_url: TEXT,
      source_artifact_hash: TEXT,
      source_name: TEXT,
      description: JSONB,
      policy: JSONB,
      sbom_format: TEXT,
      signing_key: TEXT,
      signed: JSONB,
      signing_certificate_thumbprint: TEXT,
      sbom_hash: TEXT,
      scan_results_hash: TEXT,
      scan_summary: JSONB,
      scan_pass: BOOLEAN,
      policy_decision: JSONB,
      exception_ids: DataTypes.ARRAY(UUID),
      output_artifact_hash: TEXT,
      output_artifact_name: TEXT,
      output_artifact_bytes: BIGINT,
      failure_step: TEXT,
      failure_code: TEXT,
      failure_message: TEXT,
      cancel_requested_at: DATE,
      retry_of: UUID,
      correlation_id: TEXT,
      created_by: TEXT,
      created_at: DATE,
      ended_at: DATE,
    }),
    step: table<StepRow>('packaging_step', {
      pipeline_id: { type: UUID, primaryKey: true },
      step: { type: TEXT, primaryKey: true },
      status: TEXT,
      attempts: INTEGER,
      started_at: DATE,
      ended_at: DATE,
      error: TEXT,
    }),
    evidence: table<EvidenceRow>('evidence_pack', {
      id,
      sha256: TEXT,
      pipeline_id: UUID,
      deployment_intent_id: UUID,
      signer_thumbprint: TEXT,
      created_at: DATE,
    }),
  };
}
