import { proxyActivities } from '@temporalio/workflow';
import type { StoreMaintenanceActivities } from '../../activities/store-maintenance/activities.ts';

const { beginLostPipelinesAgain, sweepWorkspaces, cleanStore } = proxyActivities<StoreMaintenanceActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '10 seconds', maximumInterval: '5 minutes', maximumAttempts: 20 },
});

export interface StoreMaintenanceReport {
  readonly pipelines_begun_again: number;
  readonly workspaces_removed: number;
  readonly objects_removed: number;
  readonly bytes_removed: number;
}

/** Every hour: pipelines that Temporal lost begin again, workspaces and content that nothing needs go. */
export async function storeMaintenance(): Promise<StoreMaintenanceReport> {
  const pipelines_begun_again = await beginLostPipelinesAgain();
  const workspaces_removed = await sweepWorkspaces();
  const { objects, bytes } = await cleanStore();
  return { pipelines_begun_again, workspaces_removed, objects_removed: objects, bytes_removed: bytes };
}
