import type { Config } from '../../contracts/config.ts';
import type { Database } from '../database.ts';
import { OperatorTokenStore } from './access/operator-token-store.ts';
import { AgentStore } from './agent/agent-store.ts';
import { CertificateStore } from './agent/certificate-store.ts';
import { EnrolmentTokenStore } from './agent/enrolment-token-store.ts';
import { FleetHistoryStore } from './agent/fleet-history-store.ts';
import { AlertStore } from './agent-presence/alert-store.ts';
import { intakeSilenceSeconds } from './agent-presence/intake.ts';
import { PresenceStore } from './agent-presence/presence-store.ts';
import { TaskOutbox } from './agent-task/outbox.ts';
import { TaskStore } from './agent-task/task-store.ts';
import { ArtifactStore } from './artifact/artifact-store.ts';
import { StoredObjectStore } from './artifact/stored-object-store.ts';
import { AuditStore } from './audit.ts';
import { DeploymentStore } from './deployment/deployment-store.ts';
import { SigningKeyStore } from './deployment/signing-key-store.ts';
import { FleetFileStore } from './fleet-file/fleet-file-store.ts';
import { AssistantMemory } from './incident/assistant-memory.ts';
import { IncidentStore } from './incident/incident-store.ts';
import { MaintenanceStore } from './maintenance/maintenance-store.ts';
import { EvidenceStore } from './packaging-pipeline/evidence-store.ts';
import { FindingStore } from './packaging-pipeline/finding-store.ts';
import { PipelineStore } from './packaging-pipeline/pipeline-store.ts';
import { PolicyExceptionStore } from './policy-exception/policy-exception-store.ts';
import { DeploymentStatusStore } from './telemetry/deployment-status-store.ts';
import { TelemetryStore } from './telemetry/telemetry-store.ts';
import { WorkflowOutbox } from './workflow-outbox.ts';

/** Heartbeat intervals without a start after which a hand-over counts as lost. */
const HANDOVER_INTERVALS = 2;

export interface Stores {
  readonly agents: AgentStore;
  readonly alerts: AlertStore;
  readonly artifacts: ArtifactStore;
  readonly assistantMemory: AssistantMemory;
  readonly audit: AuditStore;
  readonly certificates: CertificateStore;
  readonly deployments: DeploymentStore;
  readonly deploymentStatuses: DeploymentStatusStore;
  readonly enrolmentTokens: EnrolmentTokenStore;
  readonly incidents: IncidentStore;
  readonly evidence: EvidenceStore;
  readonly findings: FindingStore;
  readonly fleetFiles: FleetFileStore;
  readonly fleetHistory: FleetHistoryStore;
  readonly maintenance: MaintenanceStore;
  readonly operatorTokens: OperatorTokenStore;
  readonly outbox: TaskOutbox;
  readonly pipelines: PipelineStore;
  readonly policyExceptions: PolicyExceptionStore;
  readonly presence: PresenceStore;
  readonly signingKeys: SigningKeyStore;
  readonly storedObjects: StoredObjectStore;
  readonly tasks: TaskStore;
  readonly telemetry: TelemetryStore;
  readonly workflowOutbox: WorkflowOutbox;
}

/** All stores over one database, set up as the configuration says. */
export function createStores(database: Database, config: Config): Stores {
  const timers = { handoverSeconds: HANDOVER_INTERVALS * config.EUCORA_HEARTBEAT_INTERVAL_SECONDS };
  return {
    agents: new AgentStore(database),
    alerts: new AlertStore(database),
    artifacts: new ArtifactStore(database),
    assistantMemory: new AssistantMemory(database.pool, config.EUCORA_AI_CACHE_HOURS),
    audit: new AuditStore(database),
    certificates: new CertificateStore(database),
    deployments: new DeploymentStore(database, { riskThreshold: config.EUCORA_CAB_RISK_THRESHOLD }),
    deploymentStatuses: new DeploymentStatusStore(database),
    enrolmentTokens: new EnrolmentTokenStore(database),
    incidents: new IncidentStore(database, {
      windowSeconds: config.EUCORA_INCIDENT_WINDOW_SECONDS,
      reminderSeconds: config.EUCORA_INCIDENT_REMINDER_SECONDS,
      waitSeconds: config.EUCORA_INCIDENT_WAIT_SECONDS,
      observeSeconds: config.EUCORA_INCIDENT_OBSERVE_SECONDS,
      canarySeconds: config.EUCORA_INCIDENT_CANARY_SECONDS,
      remedySeconds: config.EUCORA_INCIDENT_REMEDY_SECONDS,
      rolloutWindow: config.EUCORA_INCIDENT_ROLLOUT_WINDOW,
    }),
    evidence: new EvidenceStore(database),
    findings: new FindingStore(database),
    fleetFiles: new FleetFileStore(database),
    fleetHistory: new FleetHistoryStore(database),
    maintenance: new MaintenanceStore(database, {
      telemetryDays: config.EUCORA_TELEMETRY_RETENTION_DAYS,
      auditDays: config.EUCORA_AUDIT_RETENTION_DAYS,
      queueDays: config.EUCORA_QUEUE_RETENTION_DAYS,
    }),
    operatorTokens: new OperatorTokenStore(database),
    outbox: new TaskOutbox(database.pool, timers),
    pipelines: new PipelineStore(database),
    policyExceptions: new PolicyExceptionStore(database),
    signingKeys: new SigningKeyStore(database.pool),
    storedObjects: new StoredObjectStore(database, {
      quotaBytes: config.EUCORA_STORE_QUOTA_BYTES,
      retentionDays: config.EUCORA_STORE_RETENTION_DAYS,
    }),
    presence: new PresenceStore(database, {
      offlineAfterSeconds: config.EUCORA_OFFLINE_AFTER_SECONDS,
      intakeSilenceSeconds: intakeSilenceSeconds(
        config.EUCORA_OFFLINE_AFTER_SECONDS,
        config.EUCORA_HEARTBEAT_INTERVAL_SECONDS,
      ),
      alertsDelivered: config.EUCORA_ALERT_WEBHOOK_URL !== undefined,
    }),
    tasks: new TaskStore(database, timers),
    telemetry: new TelemetryStore(database, {
      cpuPercent: config.EUCORA_DEGRADED_CPU_PERCENT,
      memoryPercent: config.EUCORA_DEGRADED_MEMORY_PERCENT,
      diskPercent: config.EUCORA_DEGRADED_DISK_PERCENT,
      retentionDays: config.EUCORA_TELEMETRY_RETENTION_DAYS,
    }),
    workflowOutbox: new WorkflowOutbox(database.pool),
  };
}
