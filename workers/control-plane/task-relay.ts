import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';
import { isFinal } from '../../contracts/agent-task/states.ts';
import {
  agentTaskWorkflowId,
  CONTROL_PLANE_TASK_QUEUE,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../../contracts/temporal.ts';
import { type OutboxEntry, type TaskOutbox, TELL_WITHIN_MS } from '../../db/stores/agent-task/outbox.ts';
import type { TaskStore } from '../../db/stores/agent-task/task-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { backoffMs, Relay, type Rhythm } from './relay.ts';

/** The signal of `workflows/agent-task/messages.ts`, by its name. */
const TASK_CHANGED = 'taskChanged';

const BATCH = 100;
const RHYTHM: Rhythm = { busyMs: 5, idleMs: 100, trouble: 'The task outbox cannot be read' };

export interface TaskRelayOptions {
  readonly client: Client;
  readonly outbox: TaskOutbox;
  readonly tasks: Pick<TaskStore, 'snapshots'>;
  readonly logger: Logger;
}

/**
 * Tells workflows what happened to their tasks, at least once. It reads the newest state when it tells, so that
 * several changes in a row become one message, and any number of relays may run side by side.
 */
export class TaskRelay extends Relay {
  readonly #options: TaskRelayOptions;

  constructor(options: TaskRelayOptions) {
    super(RHYTHM, options.logger);
    this.#options = options;
  }

  /** Tells one batch. @returns how many entries were leased */
  override async relayOnce(): Promise<number> {
    const giveUpAt = Date.now() + TELL_WITHIN_MS;
    const entries = await this.#options.outbox.lease(BATCH);
    if (entries.length === 0) return 0;
    const snapshots = await this.#options.tasks.snapshots(entries.map((entry) => entry.taskId));
    const byTask = new Map(snapshots.map((snapshot) => [snapshot.task_id, snapshot]));
    const told: OutboxEntry[] = [];
    const failed: OutboxEntry[] = [];
    await Promise.all(
      entries.map(async (entry) => {
        const snapshot = byTask.get(entry.taskId);
        try {
          await this.#options.client.withDeadline(giveUpAt, () => this.#tell(entry.taskId, snapshot));
          told.push({ ...entry, version: snapshot?.version ?? entry.version });
        } catch (error) {
          this.#options.logger.warn(
            { err: error, task_id: entry.taskId, correlation_id: snapshot?.correlation_id },
            'A workflow could not be told',
          );
          failed.push(entry);
        }
      }),
    );
    await this.#options.outbox.settle(told);
    const attempts = Math.max(0, ...failed.map((entry) => entry.attempts));
    await this.#options.outbox.release(failed, backoffMs(attempts));
    return entries.length;
  }

  async #tell(taskId: string, snapshot: TaskSnapshot | undefined): Promise<void> {
    if (snapshot === undefined) {
      await this.#signal(taskId, gone(taskId));
      return;
    }
    // A new task has no workflow yet; a changed one nearly always has.
    if (snapshot.version === 1 && (await this.#start(snapshot))) return;
    if (await this.#signal(taskId, snapshot)) return;
    if (await this.#start(snapshot)) return;
    // Started by another relay in between, or ended long ago: then there is nobody left to tell.
    await this.#signal(taskId, snapshot);
  }

  /** @returns false when a workflow of the task is running, or of an ended task has run */
  async #start(snapshot: TaskSnapshot): Promise<boolean> {
    try {
      await this.#options.client.workflow.start(WORKFLOW_TYPES.agentTask, {
        workflowId: agentTaskWorkflowId(snapshot.task_id),
        taskQueue: CONTROL_PLANE_TASK_QUEUE,
        // An open task whose workflow was ended by other hands needs another one; an ended task needs only one ever.
        workflowIdReusePolicy: isFinal(snapshot.status)
          ? WorkflowIdReusePolicy.REJECT_DUPLICATE
          : WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        args: [snapshot],
        staticSummary: `${snapshot.task_type} on ${snapshot.platform} agent ${snapshot.agent_id}`,
        staticDetails: `Correlation id ${snapshot.correlation_id}. All tasks of the agent: \`${SEARCH_ATTRIBUTES.agentId} = "${snapshot.agent_id}"\``,
        typedSearchAttributes: searchAttributes(snapshot),
      });
      return true;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw error;
    }
  }

  /** @returns false when no workflow of the task is running */
  async #signal(taskId: string, snapshot: TaskSnapshot): Promise<boolean> {
    try {
      await this.#options.client.workflow
        .getHandle(agentTaskWorkflowId(taskId))
        .signal(TASK_CHANGED, snapshot);
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }
}

/** What the workflow of a task is told that was deleted with its agent. */
function gone(taskId: string): TaskSnapshot {
  return {
    task_id: taskId,
    agent_id: '',
    platform: '',
    task_type: 'COLLECT',
    status: 'CANCELLED',
    version: Number.MAX_SAFE_INTEGER,
    retry_count: 0,
    max_retries: 0,
    agent_online: false,
    due_in_ms: null,
    due_at: null,
    correlation_id: '',
  };
}

function searchAttributes(snapshot: TaskSnapshot): TypedSearchAttributes {
  const keyword = (name: string, value: string) => ({
    key: defineSearchAttributeKey(name, 'KEYWORD'),
    value,
  });
  return new TypedSearchAttributes([
    keyword(SEARCH_ATTRIBUTES.agentId, snapshot.agent_id),
    keyword(SEARCH_ATTRIBUTES.platform, snapshot.platform),
    keyword(SEARCH_ATTRIBUTES.taskType, snapshot.task_type),
    keyword(SEARCH_ATTRIBUTES.taskState, snapshot.status),
    keyword(SEARCH_ATTRIBUTES.correlationId, snapshot.correlation_id),
  ]);
}
