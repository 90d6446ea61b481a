import {
  ActivityFailure,
  condition,
  continueAsNew,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentActivities } from '../../activities/deployment/activities.ts';
import type { DeploymentOutcome, DeploymentPass } from '../../contracts/deployment/pass.ts';
import type { DeploymentStatus } from '../../contracts/deployment/states.ts';
import { HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';
import { SEARCH_ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { describeDeployment } from './describe.ts';
import { IntentEvidence } from './evidence.ts';
import { deploymentChanged, deploymentPass } from './messages.ts';
import { sleepAfter } from './pace.ts';

// A look is one transaction: one that was lost is taken again, however long Postgres is away.
const looks = proxyActivities<DeploymentActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

// A receiver of reminders that is away must not hold the deployment; the next look reminds again.
const reminders = proxyActivities<DeploymentActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '2 seconds', maximumAttempts: 4 },
});

/** Carried over when the history has grown. */
export interface Carried {
  readonly shown: DeploymentStatus;
  readonly idle: number;
  /** The deployment's own evidence was made. */
  readonly evidence: boolean;
}

/**
 * The story of one deployment: it waits for the CAB, goes ring by ring through the fleet, and goes back when the gates
 * or an operator say so. Postgres is the authority; the workflow holds the time between looks, and sees counts only,
 * however many devices there are.
 */
export async function deployment(id: string, carried?: Carried): Promise<DeploymentOutcome> {
  let woken = false;
  let shown = carried?.shown;
  let idle = carried?.idle ?? 0;
  let pass: DeploymentPass | undefined;
  const evidence = new IntentEvidence(id, carried?.evidence ?? false);
  setHandler(deploymentPass, () => pass);
  setHandler(deploymentChanged, () => {
    woken = true;
  });
  for (;;) {
    woken = false;
    pass = await looks.lookAtDeployment.executeWithOptions({ summary: summaryOf(pass) }, [id]);
    if (pass.status !== shown) {
      log.info('The deployment moved on', { status: pass.status, reason: pass.reason });
      upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.state, value: pass.status }]);
      shown = pass.status;
    }
    setCurrentDetails(describeDeployment(pass));
    if (pass.ended && !woken) {
      await evidence.wait(() => woken);
      if (!woken) return { status: pass.status, reason: pass.reason };
    }
    if (pass.reminder_due) await remind(id);
    const sleep = sleepAfter(pass, idle);
    idle = pass.progressed ? 0 : idle + 1;
    // What was said meanwhile is seen by the first look of the next run.
    if (workflowInfo().continueAsNewSuggested)
      return continueAsNew<typeof deployment>(id, { shown: pass.status, idle, evidence: evidence.settled });
    await condition(() => woken, sleep, { summary: pass.reason.slice(0, 200) });
  }
}

async function remind(id: string): Promise<void> {
  try {
    await reminders.remindApprovers.executeWithOptions({ summary: 'Those who decide are reminded' }, [id]);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('The reminder could not be delivered');
  }
}

function summaryOf(before: DeploymentPass | undefined): string {
  if (before === undefined) return 'First look';
  return before.ring === null ? before.status : `${before.status}, ring ${before.ring.name}`;
}
