import type { DeploymentPass } from '../../contracts/deployment/pass.ts';

/** While something moves, looks follow each other so quickly; each is one activity and one transaction. */
export const BUSY_MS = 2_000;

/**
 * How long to sleep until the next look: short while something moves, twice as long after each look that found
 * nothing, up to what the state of affairs allows, and never past a moment that is known.
 *
 * @param idle looks in a row before this one that found nothing
 */
export function sleepAfter(pass: DeploymentPass, idle: number): number {
  const pace = pass.progressed ? BUSY_MS : Math.min(BUSY_MS * 2 ** Math.min(idle + 1, 20), pass.patience_ms);
  const due = pass.due_in_ms ?? Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(pace, due));
}
