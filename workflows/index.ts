export { agentPresence } from './agent-presence/workflow.ts';
export { agentTask } from './agent-task/workflow.ts';
export { alertDelivery } from './alert-delivery/workflow.ts';
export { deployment } from './deployment/workflow.ts';
export { incident } from './incident/workflow.ts';
export { maintenance } from './maintenance/workflow.ts';
export { packagingPipeline } from './packaging-pipeline/workflow.ts';
export { storeMaintenance } from './store-maintenance/workflow.ts';
