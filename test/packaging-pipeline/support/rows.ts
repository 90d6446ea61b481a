import type { PipelineRow } from '../../../db/models/packaging.ts';
import type { ToolReport } from '../../../packaging/index.ts';
import { debDescription } from './samples.ts';

export const REPORT: ToolReport = {
  tools: [{ name: 'nfpm', version: '2.45.2', sha256: '5'.repeat(64) }],
  isolation: 'namespaces',
};

/** The row of a pipeline that has come to its evidence. */
export const passedRow = (): PipelineRow => ({
  id: '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01',
  package_name: 'hello',
  package_version: '1.0.0',
  platform: 'linux',
  format: 'deb',
  status: 'SCANNING',
  source_artifact_url: 'https://example.org/hello.tgz?signature=s3cret',
  source_artifact_hash: '1'.repeat(64),
  source_name: 'hello.tgz',
  description: debDescription(),
  policy: {},
  sbom_format: 'cyclonedx',
  signing_key: 'default',
  signed: {
    name: 'hello.deb',
    sha256: '2'.repeat(64),
    size_bytes: 10,
    signature: {
      thumbprint: 'a'.repeat(64),
      subject: 'CN=Packager',
      expires_at: null,
      timestamped: false,
      warnings: [],
    },
  },
  signing_certificate_thumbprint: 'a'.repeat(64),
  sbom_hash: '3'.repeat(64),
  scan_results_hash: '4'.repeat(64),
  scan_summary: { critical: 0, high: 0, medium: 1, low: 0, unknown: 0 },
  scan_pass: true,
  policy_decision: {
    verdict: 'PASSED',
    policy: 'default',
    rules: [],
    exception_ids: [],
    decided_at: '2026-11-25T00:00:00.000Z',
  },
  exception_ids: [],
  output_artifact_hash: '2'.repeat(64),
  output_artifact_name: 'hello.deb',
  output_artifact_bytes: 10,
  failure_step: null,
  failure_code: null,
  failure_message: null,
  cancel_requested_at: null,
  retry_of: null,
  correlation_id: 'test',
  created_by: 'tester',
  created_at: new Date(),
  ended_at: null,
});
