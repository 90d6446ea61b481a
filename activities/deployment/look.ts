import type { DeploymentPass } from '../../contracts/deployment/pass.ts';
import { MAX_RINGS } from '../../contracts/deployment/rings.ts';
import type { Look } from '../../db/stores/deployment/rollout-store.ts';
import { type Findings, HOUR_MS, passOf } from './pass.ts';
import { rollBack } from './rollback.ts';
import { admitLater, rollOut } from './rollout.ts';

/** More than all rings of a plan can move within one look; each does so three times at most, the deployment twice. */
const MOST_STEPS = 3 * MAX_RINGS + 4;

/**
 * One look at a deployment: by its status, does what is to be done now, and what follows from that, so that nobody
 * waits for another look only because a ring has passed.
 */
export async function lookAt(look: Look): Promise<DeploymentPass> {
  let found = await findings(look);
  let progressed = found.progressed ?? false;
  for (let steps = 1; found.moved_on === true && steps < MOST_STEPS; steps += 1) {
    found = await findings(look);
    progressed = true;
  }
  return passOf(look, { ...found, progressed: progressed || (found.progressed ?? false) });
}

function findings(look: Look): Promise<Findings> {
  switch (look.deployment.status) {
    case 'AWAITING_APPROVAL':
      return awaitDecision(look);
    case 'ROLLING_OUT':
      return rollOut(look);
    case 'PAUSED':
      return standStill(look);
    case 'ROLLING_BACK':
      return rollBack(look);
    case 'COMPLETED':
      if (look.deployment.joiners_stopped_at !== null) return windDown(look, 'all');
      return look.deployment.plan.late_joiners ? admitLater(look) : windDown(look, 'unreachable');
    default:
      return windDown(look, 'all');
  }
}

const DAY_MS = 24 * HOUR_MS;

async function awaitDecision(look: Look): Promise<Findings> {
  const { approval_ends_at, created_at, reminded_at, plan } = look.deployment;
  const ends = approval_ends_at ?? look.now;
  if (ends <= look.now) {
    await look.say('expire', 'Nobody decided in time');
    return { ended: true };
  }
  const interval = Math.min(DAY_MS, plan.approval_seconds * 250);
  const reminder = new Date((reminded_at ?? created_at).getTime() + interval);
  const reminder_due = reminder <= look.now;
  return {
    reminder_due,
    due: [ends, reminder_due ? new Date(look.now.getTime() + interval) : reminder],
    patience_ms: DAY_MS,
  };
}

/** Tasks that were not begun are taken back; those at work are waited for. */
async function standStill(look: Look): Promise<Findings> {
  const moved = (await look.settle()) + (await look.recall('all'));
  return { progressed: moved > 0, patience_ms: HOUR_MS / 4 };
}

/** The end has come; only tasks that agents work on are waited for. */
async function windDown(look: Look, recalled: 'all' | 'unreachable'): Promise<Findings> {
  const moved = (await look.recall(recalled)) + (await look.settle());
  const open = (await look.counts()).byState().DISPATCHED ?? 0;
  return { ended: open === 0, progressed: moved > 0, patience_ms: 60_000 };
}
