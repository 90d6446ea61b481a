import { judgeRing, startOf, tooManyFailures } from '../../contracts/deployment/gates.ts';
import { isTimeZone, type Ring } from '../../contracts/deployment/rings.ts';
import { windowState } from '../../contracts/deployment/windows.ts';
import type { RingRow } from '../../db/models/deployment.ts';
import type { DeviceCounts } from '../../db/stores/deployment/counts.ts';
import type { Look } from '../../db/stores/deployment/rollout-store.ts';
import { type Findings, HOUR_MS } from './pass.ts';

/** Tasks that one look makes at most: a look is one transaction, which operators' words wait for. */
const BATCH = 500;
/** Devices are looked at for sickness, and new ones looked for, no more often than this. */
const HEALTH_EVERY_MS = 10_000;
const COMPLETED = 'All rings have passed';
/** A finished deployment looks for new devices so often. */
const JOINERS_EVERY_MS = HOUR_MS / 12;

/** The rings as one look sees them; the plan's part and the row's part of each belong together. */
interface RingView {
  readonly row: RingRow;
  readonly ring: Ring;
}

async function ringsOf(look: Look): Promise<RingView[]> {
  const { rings } = look.deployment.plan;
  return (await look.rings()).flatMap((row) => {
    const ring = rings[row.position];
    return ring === undefined ? [] : [{ row, ring }];
  });
}

const isUnderWay = ({ row }: RingView): boolean => row.state === 'ROLLING' || row.state === 'SOAKING';
const hasBegun = ({ row }: RingView): boolean => row.state !== 'WAITING';

export async function rollOut(look: Look): Promise<Findings> {
  const notBefore = look.deployment.conditions?.not_before;
  if (look.deployment.started_at === null) {
    if (notBefore !== undefined && new Date(notBefore) > look.now)
      return {
        due: [new Date(notBefore)],
        patience_ms: HOUR_MS,
        waits_for: `Approved to begin at ${notBefore}`,
      };
    await look.begin();
  }
  const rings = await ringsOf(look);
  const settled = (await look.recall('unreachable')) + (await look.settle());
  const changed = settled + (await lookAfter(look, rings));
  const counts = await look.counts();
  for (const view of rings.filter(hasBegun)) {
    const failures = tooManyFailures(view.ring.gates, counts.ofRing(view.row.position));
    if (failures !== undefined) return stopAt(look, view, failures);
  }
  const current = rings.find(isUnderWay);
  if (current !== undefined) return goOn(look, rings, current, counts, changed);
  const next = rings.find((view) => !hasBegun(view));
  if (next === undefined) {
    await look.say('complete', COMPLETED);
    return { moved_on: true };
  }
  return openRing(look, next);
}

/** Health of those who have the package, and devices that have come to fit. */
async function lookAfter(look: Look, rings: readonly RingView[]): Promise<number> {
  const { health_looked_at, plan } = look.deployment;
  if (health_looked_at !== null && look.now.getTime() - health_looked_at.getTime() < HEALTH_EVERY_MS)
    return 0;
  let changed = 0;
  const begun = rings.filter(hasBegun);
  for (const { row, ring } of begun) changed += await look.findSick(row.position, ring.gates);
  const last = begun.at(-1);
  if (plan.late_joiners && last !== undefined) changed += await look.admitLateJoiners(last.row.position);
  await look.noteHealthLook();
  return changed;
}

async function stopAt(look: Look, { row, ring }: RingView, failures: string): Promise<Findings> {
  const reason = `Ring ${ring.name} stopped the rollout: ${failures}`;
  await look.moveRing(row, 'STOPPED', failures);
  await look.say(look.deployment.plan.automatic_rollback ? 'roll_back' : 'stop', reason);
  return { moved_on: true };
}

/** The policy's decision is looked at again before each ring: an exception may have come to its end meanwhile. */
async function openRing(look: Look, { row, ring }: RingView): Promise<Findings> {
  const starts = startOf(ring, look.deployment.base_at ?? look.deployment.started_at ?? look.now);
  if (starts > look.now)
    return {
      due: [starts],
      patience_ms: HOUR_MS,
      waits_for: `Ring ${ring.name} begins at ${starts.toISOString()}`,
    };
  const objection = await look.objection();
  if (objection !== undefined) {
    await look.say('pause', `Ring ${ring.name} may not begin: ${objection}`);
    return { moved_on: true };
  }
  await look.moveRing(row, 'ROLLING', `Begun`);
  return { moved_on: true };
}

async function goOn(
  look: Look,
  rings: readonly RingView[],
  current: RingView,
  counts: DeviceCounts,
  changed: number,
): Promise<Findings> {
  const { row, ring } = current;
  const base = look.deployment.base_at ?? look.deployment.started_at ?? look.now;
  const verdict = judgeRing(ring, row.state, counts.ofRing(row.position), {
    now: look.now,
    base,
    soak_started_at: row.soak_started_at,
  });
  if (verdict.what === 'hold' && row.held_at === null) {
    await look.holdRing(row, verdict.reason);
    await look.say(
      'pause',
      `Ring ${ring.name} did not pass: ${verdict.reason}. Resume to go on all the same`,
    );
    return { moved_on: true };
  }
  if (verdict.what === 'pass' || verdict.what === 'hold') {
    const letOn = verdict.what === 'hold' ? ' (an operator let it go on)' : '';
    await look.moveRing(row, 'PASSED', `${verdict.reason}${letOn}`);
    const isLast = rings.at(-1) === current;
    if (!isLast && look.deployment.conditions?.pause_after_ring === ring.name)
      await look.say('pause', `Ring ${ring.name} has passed; the approval asks for a person to look now`);
    return { moved_on: true };
  }
  if (verdict.what === 'soak' && row.state === 'ROLLING') {
    await look.moveRing(row, 'SOAKING', verdict.reason);
    return { moved_on: true };
  }
  const given = await giveOut(look, row.position);
  if (given.objection !== undefined) {
    await look.say('pause', `Ring ${ring.name} may not go on: ${given.objection}`);
    return { moved_on: true };
  }
  return {
    progressed: changed + given.count > 0,
    due: [verdict.look_again_at, ...given.due],
    waits_for: `Ring ${ring.name}: ${verdict.reason}${given.held_back}`,
    patience_ms: row.state === 'SOAKING' ? soakPatience(ring) : fillPatience(await look.counts(), given),
  };
}

/** Sickness is to be seen within a small part of the soak; a soak of days needs no look a minute. */
const soakPatience = ({ soak_seconds }: Ring): number =>
  Math.min(600_000, Math.max(30_000, soak_seconds * 10));

/** While nobody works on it, only devices that come back, or windows that open, can move anything. */
function fillPatience(counts: DeviceCounts, { due }: GivenOut): number {
  const { DISPATCHED = 0, INSTALLED = 0 } = counts.byState();
  if (DISPATCHED > 0) return 15_000;
  if (due.length === 0) return 60_000;
  return INSTALLED > 0 ? 300_000 : HOUR_MS / 2;
}

interface GivenOut {
  readonly count: number;
  readonly due: readonly (Date | null)[];
  /** What keeps further devices waiting, for people. */
  readonly held_back: string;
  /** Why nobody may get it at all. */
  readonly objection?: string;
}

/** Gives tasks to waiting devices: within their windows, the rate, and the number that may be at work at once. */
async function giveOut(look: Look, ring: number): Promise<GivenOut> {
  const { plan } = look.deployment;
  const zones = (await look.waitingZones(ring)).map((zone) => ({
    zone,
    ...windowState(plan.windows, isTimeZone(zone) ? zone : plan.time_zone, look.now),
  }));
  if (zones.length === 0) return NOTHING;
  const open = zones.filter((zone) => zone.open).map(({ zone }) => zone);
  const closed = zones.filter((zone) => !zone.open);
  const due = closed.map(({ changes_at }) => changes_at);
  const room = await look.room();
  const limit = Math.min(room.tasks, BATCH);
  const gives = open.length > 0 && limit > 0;
  const objection = gives ? await look.signerProblem() : undefined;
  if (objection !== undefined) return { ...NOTHING, objection };
  const count = gives ? await look.dispatch({ ring, zones: open, limit }) : 0;
  // Others may speak between two looks, but nobody waits for the next one while devices do.
  if (count === BATCH && room.tasks > BATCH) due.push(look.now);
  if (room.capped_ms > 0) due.push(new Date(look.now.getTime() + room.capped_ms));
  const held = [
    ...(closed.length === 0
      ? []
      : [
          `outside the maintenance window in ${closed
            .map(({ zone }) => zone)
            .slice(0, 5)
            .join(', ')}`,
        ]),
    ...(room.capped_ms > 0 ? ['at the rate cap'] : []),
  ];
  return { count, due, held_back: held.length === 0 ? '' : `; ${held.join('; ')}` };
}

const NOTHING: GivenOut = { count: 0, due: [], held_back: '' };
const JOINERS_WAIT = 'Late joiners wait';

/** Whether the package may be installed now; what keeps it from it stands where operators read it, as long as it does. */
async function mayJoin(look: Look): Promise<boolean> {
  const objection = await look.objection();
  const said = look.deployment.reason;
  if (objection !== undefined) {
    const reason = `${JOINERS_WAIT}: ${objection}`;
    if (said !== reason) await look.explain(reason);
  } else if (said.startsWith(JOINERS_WAIT)) await look.explain(COMPLETED);
  return objection === undefined;
}

/**
 * After the end: devices that come to fit get it, until a later version has taken its place. They pass the gates of the
 * last ring: who is not well within its soak is not counted as installed, and too many such devices end the handing out.
 * They wait while the package may not be installed, as when an exception has come to its end.
 */
export async function admitLater(look: Look): Promise<Findings> {
  if (await look.isSuperseded()) {
    await look.say('supersede', 'A later version of the package was rolled out');
    return { ended: true };
  }
  const last = look.deployment.plan.rings.length - 1;
  const ring = look.deployment.plan.rings[last];
  if (ring === undefined) throw new Error(`The deployment ${look.id} has no rings`);
  const settled =
    (await look.recall('unreachable')) + (await look.settle()) + (await look.findSickJoiners(last, ring));
  const failures = tooManyFailures(ring.gates, (await look.lateCounts()).ofRing(last));
  if (failures !== undefined) {
    await look.stopJoiners(`Late joiners get it no more: ${failures}`);
    return { progressed: true };
  }
  const moved = settled + (await look.admitLateJoiners(last));
  const given = (await mayJoin(look)) ? await giveOut(look, last) : NOTHING;
  const open = (await look.counts()).byState().DISPATCHED ?? 0;
  return {
    progressed: moved + given.count > 0,
    due: given.due,
    patience_ms: open > 0 ? 15_000 : (await look.joinersSoak(ring)) ? soakPatience(ring) : JOINERS_EVERY_MS,
  };
}
