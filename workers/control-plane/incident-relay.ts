import { type Client, WorkflowIdReusePolicy, WorkflowNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { IncidentSnapshot } from '../../contracts/incident/snapshot.ts';
import { CONTROL_PLANE_TASK_QUEUE, SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../../contracts/temporal.ts';
import { TELL_WITHIN_MS } from '../../db/stores/agent-task/outbox.ts';
import type { IncidentStore } from '../../db/stores/incident/incident-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { backoffMs, Relay, type Rhythm } from './relay.ts';

/** The signal of `workflows/incident/messages.ts`, by its name. */
const INCIDENT_CHANGED = 'incidentChanged';

const BATCH = 50;
const RHYTHM: Rhythm = { busyMs: 10, idleMs: 250, trouble: 'Failures cannot be put to incidents' };

export interface IncidentRelayOptions {
  readonly client: Client;
  readonly incidents: Pick<
    IncidentStore,
    'collect' | 'leaseUntold' | 'settleTold' | 'releaseUntold' | 'snapshots'
  >;
  readonly logger: Logger;
}

/**
 * Puts failed tasks to their incidents, batch by batch, and tells the workflows of incidents that changed: one signal for
 * a batch, however many failures it holds. Any number of relays may run side by side.
 */
export class IncidentRelay extends Relay {
  readonly #options: IncidentRelayOptions;

  constructor(options: IncidentRelayOptions) {
    super(RHYTHM, options.logger);
    this.#options = options;
  }

  protected override async look(): Promise<number> {
    const collected = await this.#options.incidents.collect();
    return collected + (await this.relayOnce());
  }

  /** Tells one batch. @returns how many incidents were due */
  override async relayOnce(): Promise<number> {
    const { client, incidents, logger } = this.#options;
    const giveUpAt = Date.now() + TELL_WITHIN_MS;
    const due = await incidents.leaseUntold(BATCH);
    if (due.length === 0) return 0;
    const snapshots = await incidents.snapshots(due.map(({ id }) => id));
    const told: string[] = [];
    await Promise.all(
      snapshots.map(async (snapshot) => {
        try {
          await client.withDeadline(giveUpAt, () => this.#tell(snapshot));
          told.push(snapshot.incident_id);
        } catch (error) {
          const { incident_id, correlation_id } = snapshot;
          logger.warn(
            { err: error, incident_id, correlation_id },
            'The workflow of an incident could not be told',
          );
          const attempts = due.find(({ id }) => id === incident_id)?.attempts ?? 0;
          await incidents.releaseUntold(incident_id, backoffMs(attempts));
        }
      }),
    );
    await incidents.settleTold(told);
    return due.length;
  }

  async #tell(snapshot: IncidentSnapshot): Promise<void> {
    const { workflow } = this.#options.client;
    if (snapshot.status === 'CLOSED') {
      try {
        await workflow.getHandle(snapshot.workflow_id).signal(INCIDENT_CHANGED, snapshot);
      } catch (error) {
        // It closed the incident itself and has ended.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
      return;
    }
    await workflow.signalWithStart(WORKFLOW_TYPES.incident, {
      workflowId: snapshot.workflow_id,
      taskQueue: CONTROL_PLANE_TASK_QUEUE,
      // A reopened incident goes on under its name, and so does one whose workflow was ended by other hands.
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      args: [snapshot],
      signal: INCIDENT_CHANGED,
      signalArgs: [snapshot],
      staticSummary: `Alike failures on ${snapshot.platform} devices`,
      staticDetails: `Incident \`${snapshot.incident_id}\`. Correlation id ${snapshot.correlation_id}. Its story: \`eucora incidents timeline ${snapshot.incident_id}\``,
      typedSearchAttributes: new TypedSearchAttributes([
        keyword(SEARCH_ATTRIBUTES.platform, snapshot.platform),
        keyword(SEARCH_ATTRIBUTES.state, snapshot.status),
        keyword(SEARCH_ATTRIBUTES.correlationId, snapshot.correlation_id),
      ]),
    });
  }
}

const keyword = (name: string, value: string) => ({ key: defineSearchAttributeKey(name, 'KEYWORD'), value });
