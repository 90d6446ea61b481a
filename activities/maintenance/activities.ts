import type { RolloutStore } from '../../db/stores/deployment/rollout-store.ts';
import type { MaintenanceStore } from '../../db/stores/maintenance/maintenance-store.ts';
import type { Reconciler } from './reconciler.ts';

export type MaintenanceActivities = ReturnType<typeof maintenanceActivities>;

export function maintenanceActivities(
  maintenance: Pick<MaintenanceStore, 'ensurePartitions' | 'applyRetention'>,
  reconciler: Pick<Reconciler, 'remindWorkflows'>,
  rollout: Pick<RolloutStore, 'remind'>,
) {
  return {
    ensurePartitions: (): Promise<number> => maintenance.ensurePartitions(),
    async applyRetention(): Promise<{ partitions_dropped: string[]; queue_items_removed: number }> {
      const { dropped, queueItems } = await maintenance.applyRetention();
      return { partitions_dropped: dropped, queue_items_removed: queueItems };
    },
    /** Deployments are few, and a look in vain is cheap: all are told. */
    async remindWorkflows(): Promise<number> {
      return (await reconciler.remindWorkflows()) + (await rollout.remind());
    },
  };
}
