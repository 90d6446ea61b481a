import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { PackagingPipelineActivities } from '../../activities/packaging-pipeline/activities.ts';
import { HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';

/**
 * Tools run for long and are heard of every few seconds: a worker that died is noticed, and the step is tried again.
 * What trying again cannot mend (a compile error, a refused source) is thrown as not retryable; what it can (a full
 * disk, a database that is away) is tried for a day.
 */
const tool = (startToCloseTimeout: ActivityOptions['startToCloseTimeout'] & string): ActivityOptions => ({
  startToCloseTimeout,
  scheduleToCloseTimeout: '1 day',
  heartbeatTimeout: '15 seconds',
  // The tool must have ended before its workspace is cleaned.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '5 minutes' },
});

type Activities = PackagingPipelineActivities;

export const { fetchSource, storePackage } = proxyActivities<Activities>(tool('30 minutes'));
export const { buildPackage } = proxyActivities<Activities>(tool('1 hour'));
export const { signPackage, verifyPackage } = proxyActivities<Activities>(tool('15 minutes'));
export const { makeSbom, scanPackage } = proxyActivities<Activities>(tool('20 minutes'));
export const { decidePolicy, packEvidence } = proxyActivities<Activities>(tool('5 minutes'));

/** The record must say how it ended, however long Postgres is away. */
export const { endPipeline } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});
