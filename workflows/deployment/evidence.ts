import { ActivityFailure, condition, log, proxyActivities } from '@temporalio/workflow';
import type { PackagingPipelineActivities } from '../../activities/packaging-pipeline/activities.ts';
import { HEARTBEAT_TIMEOUT, PACKAGING_TASK_QUEUE } from '../../contracts/temporal.ts';

// The key that signs evidence is with the packaging workers only.
const packaging = proxyActivities<PackagingPipelineActivities>({
  taskQueue: PACKAGING_TASK_QUEUE,
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** How long the end of a deployment waits for a packaging worker that is away. */
const PATIENCE = '1 hour';

/** Has the evidence made that names the deployment, beside its rollout, which must not wait for it. */
export class IntentEvidence {
  #settled: boolean;

  /** @param settled an earlier run of the workflow has seen to it */
  constructor(deploymentId: string, settled: boolean) {
    this.#settled = settled;
    if (!settled) void this.#pack(deploymentId);
  }

  /** It is made, or cannot be made. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Waits for it, but not for ever, and not when `interrupted`. */
  async wait(interrupted: () => boolean): Promise<void> {
    if (!this.#settled) await condition(() => this.#settled || interrupted(), PATIENCE);
  }

  async #pack(deploymentId: string): Promise<void> {
    try {
      const summary = 'Evidence that names the deployment';
      await packaging.packIntentEvidence.executeWithOptions({ summary }, [deploymentId]);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      log.warn('The evidence of the deployment could not be made');
    }
    this.#settled = true;
  }
}
