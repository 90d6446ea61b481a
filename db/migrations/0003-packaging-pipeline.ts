/** Packaging pipelines with steps and logs, evidence, exceptions, the content of the store, messages to workflows. */
export const up = `
-- What lies in the store, by content. Rows are made before their files and removed together with them, so that the
-- row's lock keeps a cleaner and a writer of the same content apart.
CREATE TABLE stored_object (
  sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL,
  stored_at timestamptz NOT NULL
);
CREATE INDEX stored_object_stored ON stored_object (stored_at);
INSERT INTO stored_object SELECT sha256, size_bytes, created_at FROM artifact;

CREATE TABLE packaging_pipeline (
  id uuid PRIMARY KEY,
  package_name text NOT NULL,
  package_version text NOT NULL,
  platform text NOT NULL CHECK (platform IN ('windows', 'macos', 'linux')),
  format text NOT NULL CHECK (format IN ('deb', 'rpm', 'msi', 'pkg')),
  status text NOT NULL
    CHECK (status IN ('PENDING', 'BUILDING', 'SIGNING', 'SCANNING', 'PASSED', 'FAILED')),
  source_artifact_url text,
  source_artifact_hash text NOT NULL,
  source_name text NOT NULL,
  description jsonb NOT NULL,
  policy jsonb NOT NULL,
  sbom_format text NOT NULL CHECK (sbom_format IN ('cyclonedx', 'spdx')),
  -- A reference; the key itself lies with the packaging workers.
  signing_key text NOT NULL,
  signed jsonb,
  signing_certificate_thumbprint text,
  sbom_hash text,
  scan_results_hash text,
  scan_summary jsonb,
  scan_pass boolean,
  policy_decision jsonb,
  exception_ids uuid[] NOT NULL DEFAULT '{}',
  output_artifact_hash text,
  output_artifact_name text,
  output_artifact_bytes bigint,
  failure_step text,
  failure_code text,
  failure_message text,
  cancel_requested_at timestamptz,
  retry_of uuid REFERENCES packaging_pipeline ON DELETE SET NULL,
  correlation_id text NOT NULL,
  created_by text NOT NULL,
  idempotency_key text,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  CHECK (status <> 'PASSED' OR (output_artifact_hash IS NOT NULL AND scan_pass IS NOT NULL)),
  CHECK ((status IN ('PASSED', 'FAILED')) = (ended_at IS NOT NULL))
);
CREATE INDEX packaging_pipeline_status ON packaging_pipeline (status, id);
CREATE INDEX packaging_pipeline_platform ON packaging_pipeline (platform, id);
CREATE INDEX packaging_pipeline_package ON packaging_pipeline (package_name, id);
CREATE INDEX packaging_pipeline_correlation ON packaging_pipeline (correlation_id, id);
CREATE INDEX packaging_pipeline_retry_of ON packaging_pipeline (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX packaging_pipeline_source ON packaging_pipeline (source_artifact_hash);
CREATE INDEX packaging_pipeline_output ON packaging_pipeline (output_artifact_hash) WHERE output_artifact_hash IS NOT NULL;
CREATE INDEX packaging_pipeline_sbom ON packaging_pipeline (sbom_hash) WHERE sbom_hash IS NOT NULL;
CREATE INDEX packaging_pipeline_scan ON packaging_pipeline (scan_results_hash) WHERE scan_results_hash IS NOT NULL;
CREATE UNIQUE INDEX packaging_pipeline_idempotency ON packaging_pipeline (created_by, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE TABLE packaging_step (
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE CASCADE,
  step text NOT NULL
    CHECK (step IN ('fetch', 'build', 'sign', 'verify', 'sbom', 'scan', 'policy', 'store', 'evidence')),
  status text NOT NULL CHECK (status IN ('RUNNING', 'DONE', 'FAILED')),
  attempts integer NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  error text,
  PRIMARY KEY (pipeline_id, step)
);

-- One row a pipeline with a log, so that pieces are appended in one statement and never past the bound.
CREATE TABLE packaging_log (
  pipeline_id uuid PRIMARY KEY REFERENCES packaging_pipeline ON DELETE CASCADE,
  bytes bigint NOT NULL,
  full_at timestamptz
);
CREATE TABLE packaging_log_piece (
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE CASCADE,
  start_byte bigint NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (pipeline_id, start_byte)
);

CREATE TABLE evidence_pack (
  id uuid PRIMARY KEY,
  sha256 text NOT NULL UNIQUE,
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE RESTRICT,
  -- No foreign key: deployments come with a later migration.
  deployment_intent_id uuid,
  signer_thumbprint text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX evidence_pack_pipeline ON evidence_pack (pipeline_id, id);
-- One pack for the pipeline itself and one for each of its deployments, however often a step is repeated.
CREATE UNIQUE INDEX evidence_pack_once ON evidence_pack
  (pipeline_id, COALESCE(deployment_intent_id, '00000000-0000-0000-0000-000000000000'::uuid));

CREATE TABLE policy_exception (
  id uuid PRIMARY KEY,
  package_name text NOT NULL,
  package_version text,
  cve_ids text[] NOT NULL CHECK (cardinality(cve_ids) > 0),
  reason text NOT NULL,
  requested_by text NOT NULL,
  approver text CHECK (approver <> requested_by),
  approved_at timestamptz,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_by text,
  created_at timestamptz NOT NULL,
  correlation_id text NOT NULL,
  CHECK ((approver IS NULL) = (approved_at IS NULL)),
  CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
);
CREATE INDEX policy_exception_package ON policy_exception (package_name, id);

-- Which content the tasks need that have not ended: a cleaner of the store asks.
CREATE INDEX agent_task_open_artifact ON agent_task ((payload #>> '{artifact,sha256}'))
  WHERE status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS') AND payload #>> '{artifact,sha256}' IS NOT NULL;

-- Words for workflows that commit together with the change they tell of: begin, hear a signal, be cancelled.
CREATE TABLE workflow_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workflow_id text NOT NULL,
  message jsonb NOT NULL,
  available_at timestamptz NOT NULL,
  leased_until timestamptz,
  attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX workflow_outbox_due ON workflow_outbox (available_at);
CREATE INDEX workflow_outbox_workflow ON workflow_outbox (workflow_id, id);
`;
