import { readFile } from 'node:fs/promises';
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  WorkflowIdConflictPolicy,
} from '@temporalio/client';
import { type NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { agentPresenceActivities } from '../../activities/agent-presence/activities.ts';
import { agentTaskActivities } from '../../activities/agent-task/activities.ts';
import { alertDeliveryActivities } from '../../activities/alert-delivery/activities.ts';
import { deploymentActivities } from '../../activities/deployment/activities.ts';
import { incidentActivities } from '../../activities/incident/activities.ts';
import { maintenanceActivities } from '../../activities/maintenance/activities.ts';
import { Reconciler } from '../../activities/maintenance/reconciler.ts';
import type { Config } from '../../contracts/config.ts';
import {
  agentPresenceWorkflowId,
  CONTROL_PLANE_TASK_QUEUE,
  HEARTBEAT_MS,
  MAINTENANCE_SCHEDULE_ID,
  PACKAGING_TASK_QUEUE,
  PRESENCE_SHARDS,
  STICKY_TIMEOUT,
  STORE_MAINTENANCE_SCHEDULE_ID,
  WORKFLOW_TYPES,
} from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';

/** The signal of `workflows/agent-presence/messages.ts`, by its name. */
const PRESENCE_WAKE = 'wake';

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly stores: Stores;
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: { code: string } | { codePath: string };
}

/** The worker of the control plane's task queue, with everything its activities need. */
export function createControlPlaneWorker(options: ControlPlaneOptions): Promise<Worker> {
  return Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    workflowBundle: options.workflowBundle,
    activities: controlPlaneActivities(options),
    maxCachedWorkflows: options.config.EUCORA_WORKER_CACHED_WORKFLOWS,
    maxConcurrentWorkflowTaskExecutions: options.config.EUCORA_WORKER_WORKFLOW_TASKS,
    maxConcurrentWorkflowTaskPolls: options.config.EUCORA_WORKER_POLLERS,
    maxConcurrentActivityTaskExecutions: 50,
    // Unless told so often, four of the five seconds after which an activity counts as lost would pass in silence.
    maxHeartbeatThrottleInterval: HEARTBEAT_MS,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    shutdownGraceTime: '10 seconds',
    shutdownForceTime: '20 seconds',
  });
}

export function controlPlaneActivities({
  config,
  stores,
  client,
}: Pick<ControlPlaneOptions, 'config' | 'stores' | 'client'>) {
  const url = config.EUCORA_ALERT_WEBHOOK_URL;
  const webhook = url === undefined ? undefined : { url, secret: config.EUCORA_ALERT_WEBHOOK_SECRET };
  return {
    ...agentTaskActivities(stores.tasks),
    ...agentPresenceActivities(stores.presence),
    ...alertDeliveryActivities(stores.alerts, webhook),
    ...incidentActivities(stores.incidents, webhook),
    ...deploymentActivities(stores.deployments.rollout, webhook),
    ...maintenanceActivities(
      stores.maintenance,
      new Reconciler(client, stores.outbox, stores.incidents),
      stores.deployments.rollout,
    ),
  };
}

/**
 * Starts the workflows that are always there. Presence workflows that run already look again: this worker may
 * have come with other rules than those by which they planned their sleep.
 */
export async function ensureStandingWorkflows(client: Client): Promise<void> {
  for (let shard = 0; shard < PRESENCE_SHARDS; shard += 1) {
    await client.workflow.signalWithStart(WORKFLOW_TYPES.agentPresence, {
      signal: PRESENCE_WAKE,
      workflowId: agentPresenceWorkflowId(shard),
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      args: [shard],
      staticSummary: `Watches presence shard ${shard} of ${PRESENCE_SHARDS}`,
    });
  }
  await ensureHourly(client, MAINTENANCE_SCHEDULE_ID, 'maintenance', CONTROL_PLANE_TASK_QUEUE);
  await ensureHourly(client, STORE_MAINTENANCE_SCHEDULE_ID, 'storeMaintenance', PACKAGING_TASK_QUEUE);
}

async function ensureHourly(
  client: Client,
  scheduleId: string,
  type: 'maintenance' | 'storeMaintenance',
  taskQueue: string,
): Promise<void> {
  await client.schedule
    .create({
      scheduleId,
      spec: { intervals: [{ every: '1 hour' }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW_TYPES[type],
        workflowId: type === 'maintenance' ? type : 'store-maintenance',
        taskQueue,
      },
    })
    .catch((error: unknown) => {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    });
}

/** The bundle that the build made; a production worker never makes its own. */
export async function builtWorkflowBundle(path: string): Promise<WorkflowBundle> {
  try {
    return { code: await readFile(path, 'utf8') };
  } catch (error) {
    throw new Error(`The workflow bundle ${path} is missing; run "npm run build"`, { cause: error });
  }
}
