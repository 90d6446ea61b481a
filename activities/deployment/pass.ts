import type { DeploymentPass } from '../../contracts/deployment/pass.ts';
import { RESTING_STATUSES } from '../../contracts/deployment/states.ts';
import type { Look } from '../../db/stores/deployment/rollout-store.ts';

export const HOUR_MS = 3_600_000;
/** What is not said to last longer is looked at again within this. */
const PATIENCE_MS = 15_000;

/** What a look found beside what the rows tell. */
export interface Findings {
  readonly ended?: boolean;
  readonly progressed?: boolean;
  /** The deployment or one of its rings is in another state: what follows from it can be done at once. */
  readonly moved_on?: boolean;
  readonly reminder_due?: boolean;
  /** Moments at which something may change by itself. */
  readonly due?: readonly (Date | null)[];
  readonly patience_ms?: number;
  /** What is waited for; by default what the row says. */
  readonly waits_for?: string;
}

export async function passOf(look: Look, found: Findings): Promise<DeploymentPass> {
  const { deployment, now } = look;
  const { plan, status } = deployment;
  const counts = await look.counts();
  const begun = (await look.rings()).filter(({ state }) => state !== 'WAITING');
  const current = begun.find(({ state }) => state !== 'PASSED') ?? begun.at(-1);
  const ring = current === undefined ? undefined : plan.rings[current.position];
  const moments = (found.due ?? []).flatMap((due) => (due === null ? [] : [due.getTime()]));
  const resting = (RESTING_STATUSES as readonly string[]).includes(status);
  return {
    status,
    ended: found.ended ?? false,
    progressed: found.progressed ?? false,
    reminder_due: found.reminder_due ?? false,
    due_in_ms: moments.length === 0 ? null : Math.max(0, Math.min(...moments) - now.getTime()),
    patience_ms: found.patience_ms ?? PATIENCE_MS,
    ring:
      current === undefined || ring === undefined
        ? null
        : { name: ring.name, position: current.position + 1, of: plan.rings.length },
    ring_state: current?.state ?? null,
    counts: current === undefined ? null : counts.ofRing(current.position),
    devices: counts.byState(),
    reason: resting || found.waits_for === undefined ? reasonOf(look) : found.waits_for,
    title: `${deployment.name} (${deployment.package_name} ${deployment.package_version}, ${deployment.platform})`,
  };
}

/** The words of people stay where people are allowed to read them. */
const reasonOf = ({ deployment }: Look): string =>
  deployment.reason_by_operator
    ? 'An operator said so; the words are shown by eucora deployments show'
    : deployment.reason;
