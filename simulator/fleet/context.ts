import type { Recorder } from '../measure/recorder.ts';
import type { FleetPlan } from './profile.ts';
import type { Chance } from './random.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Call, Reply, Transport } from './transport.ts';
import type { VirtualAgent } from './virtual-agent.ts';

/** How agents do their tasks, unless a task says otherwise. */
export interface TaskHabits {
  /** Between hand-over and `start`. */
  readonly thinkMs: number;
  /** Mean of the work itself; each task draws its own, half to one and a half times as long. */
  readonly workMs: number;
  /** Of tasks that fail, 0 to 1. */
  readonly failureShare: number;
  /** Of installs of single packages instead, by {@link packageKey}. */
  readonly packageFailures: Map<string, number>;
}

/** @param version as the package database of a machine has it */
export const packageKey = (name: string, version: string): string => `${name} ${version}`;

/** What the whole fleet has done. */
export class Tally {
  heartbeatsDue = 0;
  heartbeatsConfirmed = 0;
  /** Due while the one before was still not confirmed. */
  heartbeatsMerged = 0;
  /** Their agents went away before an answer came. */
  heartbeatsBrokenOff = 0;
  samplesDue = 0;
  samplesDelivered = 0;
  samplesRejected = 0;
  tasksReceived = 0;
  tasksReceivedAgain = 0;
  tasksCompleted = 0;
  tasksFailed = 0;
  wordsRefused = 0;
  /** Words and samples that were kept because the platform could not be reached. */
  kept = 0;
}

/** What all parts of the fleet share. */
export interface FleetContext {
  readonly plan: FleetPlan;
  readonly chance: Chance;
  readonly wheel: TimerWheel;
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly habits: TaskHabits;
  readonly tally: Tally;
}

export const JSON_HEADERS: readonly string[] = ['content-type', 'application/json'];

/**
 * Sends and notes the outcome of one attempt; `ok` says which answers are as they should be. What breaks because the
 * agent itself went away is no error of the platform.
 */
export function attempt(
  context: FleetContext,
  agent: VirtualAgent,
  endpoint: string,
  call: Call,
  dueAt: number,
  done: (reply: Reply, ok: boolean) => void,
): void {
  const { presence } = agent;
  context.transport.send(agent, call, (reply) => {
    const ok = reply.kind === 'answered' && reply.status >= 200 && reply.status < 300;
    const outcome = reply.kind === 'answered' ? String(reply.status) : reply.reason;
    if (ok) context.recorder.succeeded(endpoint, context.wheel.now() - dueAt, outcome);
    else if (agent.presence === presence || reply.kind === 'answered')
      context.recorder.failed(endpoint, outcome);
    done(reply, ok);
  });
}

/** The pause before the next attempt: exponential with full jitter, as the agent specification has it. */
export function backoffMs(
  context: FleetContext,
  agent: VirtualAgent,
  attempts: number,
  capMs: number,
): number {
  const most = Math.min(capMs, 1_000 * 2 ** Math.min(attempts, 20));
  return context.chance.fraction('backoff', agent.index, attempts + agent.presence * 64) * most;
}
