import {
  continueAsNew,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  sleep,
  startChild,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentPresenceActivities } from '../../activities/agent-presence/activities.ts';
import { alertDeliveryWorkflowId } from '../../contracts/temporal.ts';
import { alertDelivery } from '../alert-delivery/workflow.ts';

// Without Postgres nobody can be heard or expire: it is waited for without limit.
const { expireShard } = proxyActivities<AgentPresenceActivities>({
  startToCloseTimeout: '2 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
});

/** Alerts that one delivery carries at most. */
const ALERTS_PER_DELIVERY = 500;

/**
 * Watches one shard of the fleet. It sleeps until the earliest moment at which one of its agents can expire: an
 * agent that is heard meanwhile only moves that moment on, so that heartbeats cost Temporal nothing.
 */
export async function agentPresence(shard: number): Promise<never> {
  for (;;) {
    const pass = await expireShard(shard);
    for (let from = 0; from < pass.alert_ids.length; from += ALERTS_PER_DELIVERY) {
      await startChild(alertDelivery, {
        workflowId: alertDeliveryWorkflowId(uuid4()),
        args: [pass.alert_ids.slice(from, from + ALERTS_PER_DELIVERY)],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: 'Critical agents went offline',
      });
    }
    setCurrentDetails(
      `Sleeps ${Math.ceil(pass.next_in_ms / 1_000)} s, until the next agent of the shard can expire. Last pass: ${pass.expired} went offline.`,
    );
    if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof agentPresence>(shard);
    await sleep(pass.next_in_ms, { summary: 'Until the next agent can expire' });
  }
}
