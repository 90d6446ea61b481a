import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import type { AlertDeliveryActivities } from '../../activities/alert-delivery/activities.ts';
import { HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';

// A receiver may be away for a night; after a day the alert is old news.
const { deliverAlerts } = proxyActivities<AlertDeliveryActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '24 hours',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '10 minutes' },
});
const { giveUpAlerts } = proxyActivities<AlertDeliveryActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
});

/** Delivers a batch of alerts to the webhook, trying for a day. */
export async function alertDelivery(batch: string): Promise<'delivered' | 'failed'> {
  try {
    await deliverAlerts(batch);
    return 'delivered';
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    await giveUpAlerts(batch, error.cause?.message ?? error.message);
    return 'failed';
  }
}
