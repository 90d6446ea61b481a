import type { OfflineEdge, Outage } from '../evidence/evidence.ts';
import type { Silence } from '../fleet/virtual-agent.ts';
import { Latencies, type LatencyFigures } from '../measure/latency.ts';
import { type CheckResult, Findings } from './check.ts';

export interface PresenceCase {
  readonly agents: readonly { readonly id: string; readonly silences: readonly Silence[] | undefined }[];
  readonly edges: readonly OfflineEdge[];
  readonly outages: readonly Outage[];
  /** Times in which the simulation itself had killed something: nobody can be called OFFLINE then. */
  readonly disruptions: readonly Outage[];
  readonly offlineAfterMs: number;
  /** An edge must be seen within the silence and so much more. */
  readonly edgeMs: number;
  /** When the last look was taken. */
  readonly endAt: number;
}

export interface PresenceVerdict {
  readonly wronglyOffline: CheckResult;
  readonly edgesInTime: CheckResult;
  /** From the moment at which an agent was due to the one at which it was called OFFLINE. */
  readonly edgeDelay: LatencyFigures;
}

/** So long the first heartbeat after a silence may be on its way. */
const RETURN_MS = 2_000;
/** After a restart, until everything is up and caches are warm. */
const RECOVERY_MS = 30_000;
const CLOCK_MS = 2;

/** Compares what agents lived through with what the platform said of them. */
export function judgePresence(given: PresenceCase): PresenceVerdict {
  const wrong = new Findings();
  const late = new Findings();
  const delays = new Latencies();
  const edgesOf = new Map<string, number[]>();
  for (const { agentId, at } of given.edges) {
    const edges = edgesOf.get(agentId);
    if (edges === undefined) edgesOf.set(agentId, [at]);
    else edges.push(at);
  }
  for (const { id, silences = [] } of given.agents) {
    wrong.checked += 1;
    const open = new Set(edgesOf.get(id) ?? []);
    for (const silence of silences) {
      const edge = [...open].find((at) => isWithin(at, silence));
      if (edge !== undefined) {
        open.delete(edge);
        if (edge < silence.lastSentAt + given.offlineAfterMs - CLOCK_MS)
          wrong.wrong(
            () => `${id} was called OFFLINE ${seconds(edge - silence.lastSentAt)} after it was heard`,
          );
      }
      judgeEdge(given, id, silence, edge, late, delays);
    }
    for (const at of open)
      wrong.wrong(() => `${id} was called OFFLINE at ${new Date(at).toISOString()}, though it was there`);
  }
  return {
    wronglyOffline: wrong.result(
      'no agent wrongly OFFLINE',
      'No agent was called OFFLINE while it was there, or sooner than the silence allows.',
    ),
    edgesInTime: late.result(
      'every offline edge in time',
      `Every agent that stayed away was called OFFLINE within ${seconds(given.offlineAfterMs + given.edgeMs)} of silence.`,
    ),
    edgeDelay: delays.figures(),
  };
}

/** The edge may be written while the first heartbeat after the silence is on its way. */
const isWithin = (at: number, silence: Silence): boolean =>
  at >= silence.fromAt && (silence.toAt === undefined || at <= silence.toAt + RETURN_MS);

function judgeEdge(
  given: PresenceCase,
  id: string,
  silence: Silence,
  edge: number | undefined,
  late: Findings,
  delays: Latencies,
): void {
  // Never heard at all: UNKNOWN, which does not become OFFLINE.
  if (silence.lastSentAt === 0) return;
  const due = silence.lastTriedAt + given.offlineAfterMs;
  const shifted = due + overlap(given.outages, silence.lastSentAt, edge ?? given.endAt);
  const allowed = afterDisruptions(shifted, given.disruptions) + given.edgeMs;
  if (edge !== undefined) {
    late.checked += 1;
    // Known to lie between sending and answer of the last heartbeat.
    delays.add(Math.max(0, edge - shifted));
    if (edge > allowed) late.wrong(() => `${id} was called OFFLINE ${seconds(edge - shifted)} too late`);
    return;
  }
  const until = silence.toAt ?? given.endAt;
  if (until <= allowed) return;
  late.checked += 1;
  late.wrong(() => `${id} was silent for ${seconds(until - silence.lastTriedAt)}, but never called OFFLINE`);
}

function overlap(outages: readonly Outage[], from: number, to: number): number {
  return outages.reduce(
    (sum, outage) => sum + Math.max(0, Math.min(outage.toAt, to) - Math.max(outage.fromAt, from)),
    0,
  );
}

/** What falls due while something is down is seen when everything is up again. */
function afterDisruptions(due: number, disruptions: readonly Outage[]): number {
  return disruptions.reduce(
    (at, { fromAt, toAt }) =>
      at >= fromAt && at <= toAt + RECOVERY_MS ? Math.max(at, toAt + RECOVERY_MS) : at,
    due,
  );
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
