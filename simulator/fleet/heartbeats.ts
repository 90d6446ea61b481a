import { type HeartbeatResponse, heartbeatResponseSchema } from '../../contracts/agent/heartbeat.ts';
import { heartbeatBody } from './bodies.ts';
import { attempt, backoffMs, type FleetContext, JSON_HEADERS } from './context.ts';
import type { VirtualAgent } from './virtual-agent.ts';

/** Answers without work need no parser. */
const NO_TASKS = '"pending_tasks":[]';

export interface HeartbeatEvents {
  /** The platform heard the agent; what was kept can be said now. */
  readonly heard: (agent: VirtualAgent) => void;
  readonly tasks: (agent: VirtualAgent, tasks: HeartbeatResponse['pending_tasks']) => void;
}

/** Says every agent's heartbeats at its own pace, each until it is confirmed. */
export class Heartbeats {
  readonly #context: FleetContext;
  readonly #events: HeartbeatEvents;
  #finished = false;

  constructor(context: FleetContext, events: HeartbeatEvents) {
    this.#context = context;
    this.#events = events;
  }

  finish(): void {
    this.#finished = true;
  }

  /** The agent goes away: what is on its way may still be heard, but is not said again. */
  breakOff(agent: VirtualAgent): void {
    if (agent.beatDueAt === undefined) return;
    agent.beatDueAt = undefined;
    this.#context.tally.heartbeatsBrokenOff += 1;
  }

  /** From now on, until the agent goes away: one at once, then one each interval. */
  begin(agent: VirtualAgent): void {
    this.#fallDue(agent, this.#context.wheel.now(), agent.presence);
  }

  #fallDue(agent: VirtualAgent, dueAt: number, presence: number): void {
    if (agent.presence !== presence || this.#finished) return;
    const { wheel, plan, tally } = this.#context;
    // Not after the answer but on a grid of its own: a slow platform does not thin out its own load.
    wheel.at(dueAt + plan.heartbeatMs, () => this.#fallDue(agent, dueAt + plan.heartbeatMs, presence));
    tally.heartbeatsDue += 1;
    if (agent.beatDueAt !== undefined) {
      tally.heartbeatsMerged += 1;
      return;
    }
    // The wheel turns a slot as a whole, so that this may be a few milliseconds early.
    agent.beatDueAt = Math.min(dueAt, wheel.now());
    agent.beatAttempts = 0;
    this.#send(agent, agent.beatDueAt, presence);
  }

  #send(agent: VirtualAgent, dueAt: number, presence: number): void {
    const context = this.#context;
    const sentAt = Date.now();
    const call = {
      method: 'POST',
      path: `/api/v1/agents/${agent.id}/heartbeat`,
      headers: JSON_HEADERS,
      body: heartbeatBody(agent),
    } as const;
    attempt(context, agent, 'heartbeat', call, dueAt, (reply, ok) => {
      this.#note(agent, sentAt, ok);
      if (ok && reply.kind === 'answered') {
        context.tally.heartbeatsConfirmed += 1;
        if (agent.presence === presence) agent.beatDueAt = undefined;
        // Counted as broken off when the agent went away; its answer came all the same.
        else context.tally.heartbeatsBrokenOff -= 1;
        this.#take(agent, reply.body);
        if (agent.reachable) this.#events.heard(agent);
        return;
      }
      if (agent.presence !== presence) return;
      agent.beatAttempts += 1;
      context.wheel.after(backoffMs(context, agent, agent.beatAttempts, context.plan.heartbeatMs), () => {
        if (agent.presence === presence) this.#send(agent, dueAt, presence);
      });
    });
  }

  /** An answer may come after the agent's line was cut: then it belongs to what was before the silence. */
  #note(agent: VirtualAgent, sentAt: number, ok: boolean): void {
    agent.lastTriedAt = Date.now();
    if (ok) agent.lastSentAt = sentAt;
    const silence = agent.silences?.at(-1);
    if (silence === undefined || sentAt > silence.fromAt) return;
    silence.lastTriedAt = agent.lastTriedAt;
    if (ok) silence.lastSentAt = sentAt;
  }

  #take(agent: VirtualAgent, body: string): void {
    if (body.includes(NO_TASKS)) return;
    const answer = heartbeatResponseSchema.parse(JSON.parse(body));
    this.#events.tasks(agent, answer.pending_tasks);
  }
}
