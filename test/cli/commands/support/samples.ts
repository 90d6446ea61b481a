import type { z } from 'zod';
import type { Identity, OperatorToken } from '../../../../contracts/access/access.ts';
import type { Agent } from '../../../../contracts/agent/agent.ts';
import type { EnrolmentToken } from '../../../../contracts/agent/enrolment.ts';
import type { Alert } from '../../../../contracts/agent-presence/alert.ts';
import type { OfflineQueueItem, Task } from '../../../../contracts/agent-task/task.ts';
import type { Artifact } from '../../../../contracts/artifact/artifact.ts';
import type { AuditEvent } from '../../../../contracts/audit/audit.ts';
import { ERRORS, type ErrorCode } from '../../../../contracts/http/errors.ts';
import { type problemSchema, problemType } from '../../../../contracts/http/problem.ts';
import type { DeploymentStatus, TelemetryRecord } from '../../../../contracts/telemetry/telemetry.ts';

export const NOW = Date.parse('2026-11-22T08:00:00.000Z');
export const AGENT_ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
export const TASK_ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c02';
export const OTHER_ID = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c03';
export const SHA256 = 'a'.repeat(64);
const EARLIER = '2026-11-22T07:57:00.000Z';

export const anAgent = (changes: Partial<Agent> = {}): Agent => ({
  id: AGENT_ID,
  hostname: 'desk-1',
  platform: 'linux',
  platform_version: 'Debian 12',
  agent_version: '1.2.0',
  registration_key: 'hw:1234',
  status: 'ONLINE',
  is_online: true,
  first_seen_at: '2026-11-01T08:00:00.000Z',
  last_heartbeat_at: EARLIER,
  last_error: null,
  cpu_cores: 8,
  memory_mb: null,
  disk_gb: 512,
  ip_address: '10.0.0.7',
  mac_address: null,
  tags: { site: 'zurich', critical: true },
  metadata: {},
  revoked_at: null,
  cloned_from: null,
  created_at: '2026-11-01T08:00:00.000Z',
  updated_at: EARLIER,
  ...changes,
});

export const aTask = (changes: Partial<Task> = {}): Task => ({
  id: TASK_ID,
  agent_id: AGENT_ID,
  task_type: 'COLLECT',
  status: 'PENDING',
  payload: { collect: ['system'] },
  timeout_seconds: 3_600,
  retry_count: 0,
  max_retries: 3,
  progress_percent: null,
  progress_message: null,
  assigned_at: null,
  started_at: null,
  completed_at: null,
  result: null,
  error_message: null,
  correlation_id: 'corr-1',
  created_by: 'admin',
  created_at: EARLIER,
  retry_of: null,
  workflow_id: `agent-task/${TASK_ID}`,
  ...changes,
});

export const anIdentity: Identity = { name: 'admin', scopes: ['admin'], via: 'token' };

export const anEnrolmentToken = (changes: Partial<EnrolmentToken> = {}): EnrolmentToken => ({
  id: OTHER_ID,
  name: 'branch office',
  expires_at: '2026-11-23T08:00:00.000Z',
  max_uses: 1,
  use_count: 0,
  tags: { site: 'zurich' },
  created_by: 'admin',
  created_at: EARLIER,
  revoked_at: null,
  ...changes,
});

export const anOperatorToken = (changes: Partial<OperatorToken> = {}): OperatorToken => ({
  id: OTHER_ID,
  name: 'ci',
  scopes: ['viewer', 'operator'],
  expires_at: null,
  created_by: 'admin',
  created_at: EARLIER,
  revoked_at: null,
  ...changes,
});

export const anArtifact = (changes: Partial<Artifact> = {}): Artifact => ({
  sha256: SHA256,
  size_bytes: 5,
  name: 'tool.deb',
  created_by: 'admin',
  created_at: EARLIER,
  ...changes,
});

export const anAuditEvent: AuditEvent = {
  id: OTHER_ID,
  at: EARLIER,
  actor_type: 'agent',
  actor_id: AGENT_ID,
  action: 'agent_task.start',
  kind: 'change',
  object_type: 'agent_task',
  object_id: TASK_ID,
  before: { status: 'ASSIGNED' },
  after: { status: 'IN_PROGRESS' },
  correlation_id: 'corr-1',
};

export const anAlert: Alert = {
  id: OTHER_ID,
  kind: 'agent_offline',
  agent_id: AGENT_ID,
  hostname: 'desk-1',
  opened_at: EARLIER,
  resolved_at: null,
  delivery: 'failed',
  delivery_attempts: 4,
  delivery_error: 'status 500',
  delivered_at: null,
};

export const aDeployment = (changes: Partial<DeploymentStatus> = {}): DeploymentStatus => ({
  id: OTHER_ID,
  agent_id: AGENT_ID,
  task_id: TASK_ID,
  deployment_intent: null,
  package_name: 'tool',
  package_version: '1.0',
  status: 'INSTALLED',
  progress: 100,
  error: null,
  reported_at: EARLIER,
  ...changes,
});

export const aQueueItem: OfflineQueueItem = {
  id: OTHER_ID,
  agent_id: AGENT_ID,
  task_id: TASK_ID,
  queued_at: EARLIER,
  delivered_at: null,
  retry_count: 1,
  max_retries: 3,
};

export const aTelemetryRecord: TelemetryRecord = {
  agent_id: AGENT_ID,
  collected_at: EARLIER,
  received_at: EARLIER,
  cpu_percent: 12.34,
  memory_percent: null,
  services: [
    { name: 'ssh', state: 'running' },
    { name: 'cron', state: 'failed' },
  ],
};

export function aProblem(
  code: ErrorCode,
  changes: Partial<z.infer<typeof problemSchema>> = {},
): z.infer<typeof problemSchema> {
  return {
    type: problemType(code),
    title: ERRORS[code].title,
    status: ERRORS[code].status,
    code,
    detail: 'Said by the platform.',
    correlation_id: 'corr-p',
    ...changes,
  };
}
