export { agentPresence } from './agent-presence/workflow.ts';
export { agentTask } from './agent-task/workflow.ts';
export { alertDelivery } from './alert-delivery/workflow.ts';
export { incident } from './incident/workflow.ts';
export { maintenance } from './maintenance/workflow.ts';
