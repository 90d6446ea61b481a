import { proxyActivities } from '@temporalio/workflow';
import type { MaintenanceActivities } from '../../activities/maintenance/activities.ts';

const { ensurePartitions, applyRetention, remindWorkflows } = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '10 seconds', maximumInterval: '5 minutes', maximumAttempts: 20 },
});

export interface MaintenanceReport {
  readonly partitions_made: number;
  readonly partitions_dropped: readonly string[];
  readonly queue_items_removed: number;
  readonly workflows_reminded: number;
}

/** Hourly: a reminder for workflows that lost sight of their task, partitions ahead, retention behind. */
export async function maintenance(): Promise<MaintenanceReport> {
  // First: it must not wait for the others, which may fail for long.
  const workflows_reminded = await remindWorkflows();
  const partitions_made = await ensurePartitions();
  const removed = await applyRetention();
  return { partitions_made, ...removed, workflows_reminded };
}
