import type { Look } from '../../db/stores/deployment/rollout-store.ts';
import { type Findings, HOUR_MS } from './pass.ts';

/** Devices that stay out of reach for longer go back when they return; nobody waits for them any more. */
const PATIENCE_DAYS = 7;

/**
 * Takes back what was not begun, waits for what is at work, and has every touched device go back: at once, without
 * windows and rate, but no more at a time than the plan allows.
 */
export async function rollBack(look: Look): Promise<Findings> {
  let moved = (await look.settle()) + (await look.settleRollback());
  const room = await look.room();
  if (room.at_once > 0) moved += await look.dispatchRollback(room.at_once);
  // Locks tasks, and so comes after all that locks agents.
  moved += await look.recall('all');
  const left = await look.rollbackLeft();
  const open = left.dispatched + left.touched + left.going;
  const waits_for = `${left.going + left.touched} devices are going back, ${left.unreachable} of them out of reach; ${left.dispatched} still work on the install`;
  if (open === 0) {
    await look.say('settle_rollback', 'All devices that were touched have gone back, or said why not');
    return { ended: true };
  }
  const began = look.deployment.rollback_began_at ?? look.now;
  const ends = new Date(began.getTime() + PATIENCE_DAYS * 24 * HOUR_MS);
  const onlyUnreachable = left.going === open && left.going === left.unreachable;
  if (onlyUnreachable && ends <= look.now) {
    await look.say('settle_rollback', `${left.going} devices are out of reach and go back when they return`);
    return { ended: true };
  }
  return {
    progressed: moved > 0,
    due: [ends > look.now ? ends : null],
    patience_ms: onlyUnreachable ? HOUR_MS / 12 : 15_000,
    waits_for,
  };
}
