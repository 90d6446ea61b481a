import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { StoreCleaning } from '../../contracts/artifact/store.ts';
import { packagingPipelineWorkflowId } from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import type { Workspaces } from '../packaging-pipeline/workspace.ts';

/** Older than what may still be on its way to Temporal by the outbox. */
const SETTLED_MINUTES = 10;
const BATCH = 500;

export interface StoreMaintenanceOptions {
  readonly client: Client;
  readonly stores: Pick<Stores, 'pipelines' | 'storedObjects'>;
  readonly content: ContentStore;
  readonly workspaces: Workspaces;
}

export type StoreMaintenanceActivities = ReturnType<typeof storeMaintenanceActivities>;

export function storeMaintenanceActivities(options: StoreMaintenanceOptions) {
  const { client, stores, content, workspaces } = options;
  return {
    /** Pipelines that go on here and not in Temporal, as after one of the two came back from an older backup. */
    async beginLostPipelinesAgain(): Promise<number> {
      let begun = 0;
      for (const id of await stores.pipelines.listOpen(SETTLED_MINUTES, BATCH)) {
        if (await isRunning(packagingPipelineWorkflowId(id))) continue;
        await stores.pipelines.beginAgain(id);
        begun += 1;
      }
      return begun;
    },

    sweepWorkspaces: (): Promise<number> => workspaces.sweep((ids) => stores.pipelines.openAmong(ids)),

    /** One batch an hour; an operator who has more to clean asks the API. */
    async cleanStore(): Promise<Pick<StoreCleaning, 'objects' | 'bytes'>> {
      await content.sweep();
      const actor = { type: 'workflow', id: 'store-maintenance' } as const;
      const { objects, bytes } = await stores.storedObjects.clean((sha) => content.remove(sha), actor, false);
      return { objects, bytes };
    },
  };

  async function isRunning(workflowId: string): Promise<boolean> {
    try {
      return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }
}
