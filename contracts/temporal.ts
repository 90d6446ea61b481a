/** Names that workers, clients and operators share about Temporal. */

export const CONTROL_PLANE_TASK_QUEUE = 'eucora-control-plane';
/** Activities that ask providers of models: slow, and the only ones that need their keys. */
export const AI_TASK_QUEUE = 'eucora-ai';
export const PACKAGING_TASK_QUEUE = 'packaging';

/** Custom search attributes, all of type Keyword; none of them carries personal data. */
export const SEARCH_ATTRIBUTES = {
  agentId: 'EucoraAgentId',
  platform: 'EucoraPlatform',
  taskType: 'EucoraTaskType',
  taskState: 'EucoraTaskState',
  /** Of whatever is no task: pipelines, deployments, incidents. SQL visibility holds ten keywords in all. */
  state: 'EucoraState',
  correlationId: 'EucoraCorrelationId',
  incidentLabel: 'EucoraIncidentLabel',
  packageName: 'EucoraPackage',
} as const;

export const WORKFLOW_TYPES = {
  agentTask: 'agentTask',
  agentPresence: 'agentPresence',
  alertDelivery: 'alertDelivery',
  maintenance: 'maintenance',
  incident: 'incident',
  packagingPipeline: 'packagingPipeline',
  deployment: 'deployment',
  storeMaintenance: 'storeMaintenance',
} as const;

/**
 * Activities of the control plane and of its assistant beat while they run: one that was not heard of for so long has lost
 * its worker, and is given to another.
 */
export const HEARTBEAT_TIMEOUT = '5 seconds';
/** How often they beat, and how often workers pass that on. */
export const HEARTBEAT_MS = 1_000;

/** So long a workflow's next step waits for the worker that knows the workflow; after that, whoever is there replays it. */
export const STICKY_TIMEOUT = '5 seconds';

export const MAINTENANCE_SCHEDULE_ID = 'eucora-maintenance';
export const STORE_MAINTENANCE_SCHEDULE_ID = 'eucora-store-maintenance';

export const agentTaskWorkflowId = (taskId: string): string => `agent-task/${taskId}`;
export const agentPresenceWorkflowId = (shard: number): string => `agent-presence/${shard}`;
export const packagingPipelineWorkflowId = (pipelineId: string): string => `packaging-pipeline/${pipelineId}`;
export const deploymentWorkflowId = (deploymentId: string): string => `deployment/${deploymentId}`;
export const alertDeliveryWorkflowId = (batchId: string): string => `alert-delivery/${batchId}`;

/** Tasks that an incident makes are created by its workflow, and known by this. */
export const INCIDENT_WORKFLOW_PREFIX = 'incident/';
/** One workflow for each fingerprint and window, given by its first moment. */
export const incidentWorkflowId = (fingerprint: string, windowStart: Date): string =>
  `${INCIDENT_WORKFLOW_PREFIX}${fingerprint}-${windowStart.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/** Agents hash into this many presence shards; fixed for the life of an installation. */
export const PRESENCE_SHARDS = 8;

/** The signal of `workflows/deployment/messages.ts`: look now, something was said of the deployment. */
export const DEPLOYMENT_CHANGED = 'deploymentChanged';
