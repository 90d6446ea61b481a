import type { Scope } from '../../contracts/access/access.ts';
import type { Platform } from '../../contracts/agent/agent.ts';
import type { Alert } from '../../contracts/agent-presence/alert.ts';
import type { TaskStatus, TaskType } from '../../contracts/agent-task/states.ts';
import type { ActorType, AuditKind } from '../../contracts/audit/audit.ts';
import type { DeploymentStatus, Software, TelemetrySample } from '../../contracts/telemetry/telemetry.ts';

/** Rows as Postgres gives them: times as Date, numbers as number. */

type Json = Record<string, unknown>;

export interface AlertRow {
  id: string;
  kind: Alert['kind'];
  agent_id: string;
  opened_at: Date;
  resolved_at: Date | null;
  delivery: Alert['delivery'];
  delivery_batch: string;
  delivery_attempts: number;
  delivery_error: string | null;
  delivered_at: Date | null;
}

export interface ArtifactRow {
  sha256: string;
  size_bytes: number;
  name: string;
  created_by: string;
  created_at: Date;
}

export interface AuditEventRow {
  id: string;
  at: Date;
  actor_type: ActorType;
  actor_id: string;
  action: string;
  kind: AuditKind;
  object_type: string;
  object_id: string;
  before: Json | null;
  after: Json | null;
  correlation_id: string | null;
}

export interface DeploymentStatusRow {
  id: string;
  agent_id: string;
  task_id: string | null;
  deployment_intent: string | null;
  package_name: string;
  package_version: string;
  status: DeploymentStatus['status'];
  progress: number | null;
  error: string | null;
  reported_at: Date;
}

export interface EnrolmentTokenRow {
  id: string;
  name: string;
  token_hash: Buffer;
  expires_at: Date;
  max_uses: number | null;
  use_count: number;
  tags: Json;
  created_by: string;
  created_at: Date;
  revoked_at: Date | null;
}

export interface OfflineQueueItemRow {
  id: string;
  agent_id: string;
  task_id: string;
  queued_at: Date;
  delivered_at: Date | null;
  retry_count: number;
  max_retries: number;
}

export interface OperatorTokenRow {
  id: string;
  name: string;
  token_hash: Buffer;
  scopes: Scope[];
  expires_at: Date | null;
  created_by: string;
  created_at: Date;
  revoked_at: Date | null;
}

export interface TaskRow {
  id: string;
  agent_id: string;
  task_type: TaskType;
  status: TaskStatus;
  version: number;
  payload: Json;
  timeout_seconds: number;
  handover_count: number;
  retry_count: number;
  max_retries: number;
  progress_percent: number | null;
  progress_message: string | null;
  assigned_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  result: Json | null;
  error_message: string | null;
  correlation_id: string;
  created_by: string;
  created_at: Date;
  retry_of: string | null;
}

export interface TelemetryRow {
  agent_id: string;
  collected_at: Date;
  received_at: Date;
  cpu_percent: number | null;
  memory_percent: number | null;
  memory_used_mb: number | null;
  memory_total_mb: number | null;
  disk_percent: number | null;
  disk_used_gb: number | null;
  disk_total_gb: number | null;
  installed_software: Software[] | null;
  services: TelemetrySample['services'] | null;
  metrics: Json | null;
}

export interface AgentRow {
  id: string;
  hostname: string;
  platform: Platform;
  platform_version: string;
  agent_version: string;
  registration_key: string;
  status: 'ONLINE' | 'OFFLINE' | 'DEGRADED' | 'UNKNOWN';
  first_seen_at: Date;
  last_heartbeat_at: Date | null;
  last_error: string | null;
  cpu_cores: number | null;
  memory_mb: number | null;
  disk_gb: number | null;
  ip_address: string | null;
  mac_address: string | null;
  tags: Json;
  metadata: Json;
  revoked_at: Date | null;
  cloned_from: string | null;
  created_at: Date;
  updated_at: Date;
}
