import { DataTypes, type Model, type ModelAttributes, type ModelStatic, type Sequelize } from 'sequelize';
import { definePackagingModels, type PackagingModels } from './packaging.ts';
import type {
  AlertRow,
  ArtifactRow,
  AuditEventRow,
  DeploymentStatusRow,
  EnrolmentTokenRow,
  OfflineQueueItemRow,
  OperatorTokenRow,
  TaskRow,
  TelemetryRow,
} from './rows.ts';

type Table<Row extends object> = ModelStatic<Model<Row, Partial<Row>>>;

export interface Models {
  readonly alert: Table<AlertRow>;
  readonly artifact: Table<ArtifactRow>;
  readonly auditEvent: Table<AuditEventRow>;
  readonly deploymentStatus: Table<DeploymentStatusRow>;
  readonly enrolmentToken: Table<EnrolmentTokenRow>;
  readonly offlineQueueItem: Table<OfflineQueueItemRow>;
  readonly operatorToken: Table<OperatorTokenRow>;
  readonly packaging: PackagingModels;
  readonly task: Table<TaskRow>;
  readonly telemetry: Table<TelemetryRow>;
}

const { BIGINT, BLOB, DATE, DOUBLE, INTEGER, JSONB, REAL, TEXT, UUID } = DataTypes;
const id = { type: UUID, primaryKey: true };

/** The tables as Sequelize sees them. The migrations own the schema; columns of no use to readers are left out. */
export function defineModels(sequelize: Sequelize): Models {
  const table = <Row extends object>(
    name: string,
    columns: ModelAttributes<Model<Row, Partial<Row>>, Row>,
  ): Table<Row> =>
    sequelize.define<Model<Row, Partial<Row>>>(name, columns, { tableName: name, timestamps: false });
  return {
    alert: table<AlertRow>('alert', {
      id,
      kind: TEXT,
      agent_id: UUID,
      opened_at: DATE,
      resolved_at: DATE,
      delivery: TEXT,
      delivery_batch: UUID,
      delivery_attempts: INTEGER,
      delivery_error: TEXT,
      delivered_at: DATE,
    }),
    artifact: table<ArtifactRow>('artifact', {
      sha256: { type: TEXT, primaryKey: true },
      size_bytes: BIGINT,
      name: TEXT,
      created_by: TEXT,
      created_at: DATE,
    }),
    auditEvent: table<AuditEventRow>('audit_event', {
      id,
      at: DATE,
      actor_type: TEXT,
      actor_id: TEXT,
      action: TEXT,
      kind: TEXT,
      object_type: TEXT,
      object_id: TEXT,
      before: JSONB,
      after: JSONB,
      correlation_id: TEXT,
    }),
    deploymentStatus: table<DeploymentStatusRow>('deployment_status', {
      id,
      agent_id: UUID,
      task_id: UUID,
      deployment_intent: TEXT,
      package_name: TEXT,
      package_version: TEXT,
      status: TEXT,
      progress: REAL,
      error: TEXT,
      reported_at: DATE,
    }),
    enrolmentToken: table<EnrolmentTokenRow>('enrolment_token', {
      id,
      name: TEXT,
      token_hash: BLOB,
      expires_at: DATE,
      max_uses: INTEGER,
      use_count: INTEGER,
      tags: JSONB,
      created_by: TEXT,
      created_at: DATE,
      revoked_at: DATE,
    }),
    offlineQueueItem: table<OfflineQueueItemRow>('offline_queue_item', {
      id,
      agent_id: UUID,
      task_id: UUID,
      queued_at: DATE,
      delivered_at: DATE,
      retry_count: INTEGER,
      max_retries: INTEGER,
    }),
    operatorToken: table<OperatorTokenRow>('operator_token', {
      id,
      name: TEXT,
      token_hash: BLOB,
      scopes: DataTypes.ARRAY(TEXT),
      expires_at: DATE,
      created_by: TEXT,
      created_at: DATE,
      revoked_at: DATE,
    }),
    packaging: definePackagingModels(table),
    task: table<TaskRow>('agent_task', {
      id,
      agent_id: UUID,
      task_type: TEXT,
      status: TEXT,
      version: INTEGER,
      payload: JSONB,
      timeout_seconds: INTEGER,
      handover_count: INTEGER,
      retry_count: INTEGER,
      max_retries: INTEGER,
      progress_percent: REAL,
      progress_message: TEXT,
      assigned_at: DATE,
      started_at: DATE,
      completed_at: DATE,
      result: JSONB,
      error_message: TEXT,
      correlation_id: TEXT,
      created_by: TEXT,
      created_at: DATE,
      retry_of: UUID,
    }),
    telemetry: table<TelemetryRow>('telemetry', {
      agent_id: { type: UUID, primaryKey: true },
      collected_at: { type: DATE, primaryKey: true },
      received_at: DATE,
      cpu_percent: REAL,
      memory_percent: REAL,
      memory_used_mb: DOUBLE,
      memory_total_mb: DOUBLE,
      disk_percent: REAL,
      disk_used_gb: DOUBLE,
      disk_total_gb: DOUBLE,
      installed_software: JSONB,
      services: JSONB,
      metrics: JSONB,
    }),
  };
}
