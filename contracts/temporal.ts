/** Names that workers, clients and operators share about Temporal. */

export const CONTROL_PLANE_TASK_QUEUE = 'eucora-control-plane';

/** Custom search attributes, all of type Keyword; none of them carries personal data. */
export const SEARCH_ATTRIBUTES = {
  agentId: 'EucoraAgentId',
  platform: 'EucoraPlatform',
  taskType: 'EucoraTaskType',
  taskState: 'EucoraTaskState',
  correlationId: 'EucoraCorrelationId',
} as const;

export const WORKFLOW_TYPES = {
  agentTask: 'agentTask',
  agentPresence: 'agentPresence',
  alertDelivery: 'alertDelivery',
  maintenance: 'maintenance',
} as const;

export const MAINTENANCE_SCHEDULE_ID = 'eucora-maintenance';

export const agentTaskWorkflowId = (taskId: string): string => `agent-task/${taskId}`;
export const agentPresenceWorkflowId = (shard: number): string => `agent-presence/${shard}`;
export const alertDeliveryWorkflowId = (batchId: string): string => `alert-delivery/${batchId}`;

/** Agents hash into this many presence shards; fixed for the life of an installation. */
export const PRESENCE_SHARDS = 8;
