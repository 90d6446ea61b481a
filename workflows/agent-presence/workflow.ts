import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  condition,
  continueAsNew,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentPresenceActivities } from '../../activities/agent-presence/activities.ts';
import { alertDeliveryWorkflowId, HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';
import { alertDelivery } from '../alert-delivery/workflow.ts';
import { wake } from './messages.ts';

// Without Postgres nobody can be heard or expire: it is waited for without limit.
const { expireShard } = proxyActivities<AgentPresenceActivities>({
  // A pass that a dead worker held is soon taken up by another; one that is only slow goes on where it was.
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
});

/**
 * Watches one shard of the fleet. It sleeps until the earliest moment at which one of its agents can expire: an
 * agent that is heard meanwhile only moves that moment on, so that heartbeats cost Temporal nothing.
 */
export async function agentPresence(shard: number): Promise<never> {
  let woken = false;
  setHandler(wake, () => {
    woken = true;
  });
  for (;;) {
    woken = false;
    const pass = await expireShard(shard);
    for (const batch of pass.alert_batches) await deliver(batch);
    setCurrentDetails(
      `Sleeps ${Math.ceil(pass.next_in_ms / 1_000)} s, until the next agent of the shard can expire. Last pass: ${pass.expired} went offline.`,
    );
    if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof agentPresence>(shard);
    await condition(() => woken, pass.next_in_ms, { summary: 'Until the next agent can expire' });
  }
}

/** A batch that is named again, because its first attempt has not been noted yet, is being delivered already. */
async function deliver(batch: string): Promise<void> {
  try {
    await startChild(alertDelivery, {
      workflowId: alertDeliveryWorkflowId(batch),
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      args: [batch],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: 'Critical agents went offline',
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
