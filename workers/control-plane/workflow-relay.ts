import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import {
  TELL_WORKFLOW_WITHIN_MS,
  type WorkflowEntry,
  type WorkflowMessage,
  type WorkflowOutbox,
} from '../../db/stores/workflow-outbox.ts';
import type { Logger } from '../../runtime/logger.ts';
import { backoffMs, Relay, type Rhythm } from './relay.ts';

const BATCH = 100;
const RHYTHM: Rhythm = { busyMs: 5, idleMs: 50, trouble: 'The workflow outbox cannot be read' };

export interface WorkflowRelayOptions {
  readonly client: Client;
  readonly outbox: Pick<WorkflowOutbox, 'lease' | 'settle' | 'release'>;
  readonly logger: Logger;
}

/**
 * Starts, signals and cancels workflows as the outbox says, at least once, and for each workflow in order. Any number
 * of relays may run side by side.
 */
export class WorkflowRelay extends Relay {
  readonly #options: WorkflowRelayOptions;

  constructor(options: WorkflowRelayOptions) {
    super(RHYTHM, options.logger);
    this.#options = options;
  }

  /** Tells one batch. @returns how many entries were leased */
  override async relayOnce(): Promise<number> {
    const { client, outbox, logger } = this.#options;
    const giveUpAt = Date.now() + TELL_WORKFLOW_WITHIN_MS;
    const entries = await outbox.lease(BATCH);
    const told: number[] = [];
    const failed: WorkflowEntry[] = [];
    await Promise.all(
      entries.map(async (entry) => {
        try {
          await client.withDeadline(giveUpAt, () => this.#tell(entry.workflowId, entry.message));
          told.push(entry.id);
        } catch (error) {
          logger.warn({ err: error, workflow_id: entry.workflowId }, 'A workflow could not be told');
          failed.push(entry);
        }
      }),
    );
    await outbox.settle(told);
    const attempts = Math.max(0, ...failed.map((entry) => entry.attempts));
    await outbox.release(
      failed.map(({ id }) => id),
      backoffMs(attempts),
    );
    return entries.length;
  }

  /** One that runs already, and one that has ended, have been told enough. */
  async #tell(workflowId: string, message: WorkflowMessage): Promise<void> {
    const { workflow } = this.#options.client;
    try {
      if (message.kind === 'start') await this.#start(workflowId, message);
      else if (message.kind === 'cancel') await workflow.getHandle(workflowId).cancel();
      else await workflow.getHandle(workflowId).signal(message.signal, ...message.args);
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError)
        return;
      throw error;
    }
  }

  async #start(workflowId: string, message: Extract<WorkflowMessage, { kind: 'start' }>): Promise<void> {
    await this.#options.client.workflow.start(message.type, {
      workflowId,
      taskQueue: message.taskQueue,
      // What was ended by other hands while its record goes on begins again when it is told to.
      workflowIdReusePolicy:
        message.again === true
          ? WorkflowIdReusePolicy.ALLOW_DUPLICATE
          : WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
      args: [...message.args],
      staticSummary: message.summary,
      staticDetails: message.details,
      typedSearchAttributes: new TypedSearchAttributes(
        Object.entries(message.searchAttributes).map(([name, value]) => ({
          key: defineSearchAttributeKey(name, 'KEYWORD'),
          value,
        })),
      ),
    });
  }
}
