/** Names that workers, clients and operators share about Temporal. */

export const CONTROL_PLANE_TASK_QUEUE = 'eucora-control-plane';
/** Activities that ask providers of models: slow, and the only ones that need their keys. */
export const AI_TASK_QUEUE = 'eucora-ai';

/** Custom search attributes, all of type Keyword; none of them carries personal data. */
export const SEARCH_ATTRIBUTES = {
  agentId: 'EucoraAgentId',
  platform: 'EucoraPlatform',
  taskType: 'EucoraTaskType',
  taskState: 'EucoraTaskState',
  correlationId: 'EucoraCorrelationId',
  incidentState: 'EucoraIncidentState',
  incidentLabel: 'EucoraIncidentLabel',
} as const;

export const WORKFLOW_TYPES = {
  agentTask: 'agentTask',
  agentPresence: 'agentPresence',
  alertDelivery: 'alertDelivery',
  maintenance: 'maintenance',
  incident: 'incident',
} as const;

export const MAINTENANCE_SCHEDULE_ID = 'eucora-maintenance';

export const agentTaskWorkflowId = (taskId: string): string => `agent-task/${taskId}`;
export const agentPresenceWorkflowId = (shard: number): string => `agent-presence/${shard}`;
export const alertDeliveryWorkflowId = (batchId: string): string => `alert-delivery/${batchId}`;

/** Tasks that an incident makes are created by its workflow, and known by this. */
export const INCIDENT_WORKFLOW_PREFIX = 'incident/';
/** One workflow for each fingerprint and window, given by its first moment. */
export const incidentWorkflowId = (fingerprint: string, windowStart: Date): string =>
  `${INCIDENT_WORKFLOW_PREFIX}${fingerprint}-${windowStart.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/** Agents hash into this many presence shards; fixed for the life of an installation. */
export const PRESENCE_SHARDS = 8;
