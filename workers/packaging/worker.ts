import type { Client } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import {
  type PackagingOptions,
  packagingPipelineActivities,
} from '../../activities/packaging-pipeline/activities.ts';
import { EvidenceSigner } from '../../activities/packaging-pipeline/evidence/signer.ts';
import { Production } from '../../activities/packaging-pipeline/production.ts';
import { Sources } from '../../activities/packaging-pipeline/source.ts';
import { StepRunner } from '../../activities/packaging-pipeline/step-runner.ts';
import { Workspaces } from '../../activities/packaging-pipeline/workspace.ts';
import { storeMaintenanceActivities } from '../../activities/store-maintenance/activities.ts';
import type { Config } from '../../contracts/config.ts';
import { HEARTBEAT_MS, PACKAGING_TASK_QUEUE, STICKY_TIMEOUT } from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';
import {
  DEFAULT_LIMITS,
  type PackagingTools,
  readSigningKeys,
  type ToolSettings,
} from '../../packaging/index.ts';
import { openContentStore } from '../../runtime/content-store/open.ts';
import type { Logger } from '../../runtime/logger.ts';
import { concurrencyOf, packagingPlaces } from './settings.ts';

/** Evidence certificates that end within so many days are warned of. */
const WARN_DAYS = 30;

export interface PackagingWorkerOptions {
  readonly config: Config;
  readonly stores: Stores;
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: WorkflowBundle;
  readonly logger: Logger;
  readonly settings: ToolSettings;
  readonly tools: PackagingTools;
  readonly decide: PackagingOptions['decide'];
}

/** The worker of the packaging task queue: workflows of pipelines, their steps, and the upkeep of the store. */
export async function createPackagingWorker(options: PackagingWorkerOptions): Promise<Worker> {
  const { config, stores, connection, namespace, workflowBundle } = options;
  const { activities, workspaces } = await packagingActivities(options);
  await workspaces.sweep((ids) => stores.pipelines.openAmong(ids));
  return Worker.create({
    connection,
    namespace,
    taskQueue: PACKAGING_TASK_QUEUE,
    workflowBundle,
    activities,
    maxCachedWorkflows: 500,
    maxConcurrentActivityTaskExecutions: concurrencyOf(config),
    // By heartbeats a step hears that it is cancelled.
    maxHeartbeatThrottleInterval: HEARTBEAT_MS,
    defaultHeartbeatThrottleInterval: HEARTBEAT_MS,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    shutdownGraceTime: '2 seconds',
    shutdownForceTime: '20 seconds',
  });
}

export async function packagingActivities({
  config,
  stores,
  client,
  logger,
  settings,
  tools,
  decide,
}: Omit<PackagingWorkerOptions, 'connection' | 'namespace' | 'workflowBundle'>) {
  const places = packagingPlaces(config);
  const workspaces = new Workspaces(places.workspaces);
  const content = await openContentStore(config, (stored) => stores.storedObjects.admit(stored));
  const signer = await EvidenceSigner.open(places.evidenceCertificate, places.evidenceKey);
  if (signer.daysLeft() < WARN_DAYS)
    logger.warn({ days_left: signer.daysLeft() }, 'The evidence certificate ends soon: renew it');
  const steps = new StepRunner({
    pipelines: stores.pipelines,
    workspaces,
    settings,
    limits: { ...DEFAULT_LIMITS, fileBytes: config.EUCORA_MAX_ARTIFACT_BYTES },
    logger,
  });
  const production = new Production({
    tools,
    content,
    sources: new Sources(content, config.EUCORA_SOURCE_ALLOWED_HOSTS),
    signingKeys: () => readSigningKeys(places.signingKeys),
    scanner: config.EUCORA_SCANNER,
  });
  const activities = {
    ...packagingPipelineActivities({
      ...{ stores, content, steps, production, workspaces, signer, decide },
      policyFloor: config.EUCORA_POLICY_FLOOR,
    }),
    ...storeMaintenanceActivities({ client, stores, content, workspaces }),
  };
  return { activities, workspaces };
}
