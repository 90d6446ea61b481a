import { type Client, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { MAINTENANCE_SCHEDULE_ID } from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';

/** Those who know of workflows that must be there. */
type Rememberers = Pick<Stores, 'outbox' | 'alerts' | 'incidents' | 'deployments'>;

/**
 * Engines are replaced or restored while we are down: whoever starts looks at once whether tasks and workflows still
 * know each other, instead of within the hour. A Temporal without our schedule is new and knows no task at all.
 * To be called before the schedule is made, so that a start that is interrupted looks again.
 */
export async function remindAtStart(
  client: Client,
  { outbox, alerts, incidents, deployments }: Rememberers,
): Promise<void> {
  try {
    await client.schedule.getHandle(MAINTENANCE_SCHEDULE_ID).trigger(ScheduleOverlapPolicy.SKIP);
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await outbox.remindOpen(0);
    await alerts.beginAgain();
    await incidents.remindOpen();
    await deployments.rollout.remind();
  }
}
