import type { FleetContext } from './context.ts';
import { Heartbeats } from './heartbeats.ts';
import { restartWords, TaskWork } from './task-work.ts';
import { TelemetryReports } from './telemetry.ts';
import { AWAY, type AwayReason, type VirtualAgent } from './virtual-agent.ts';

/** Agents that a command of a scenario is for: all of a site, or all. */
export type Group = { readonly site: number } | 'all';

/** All virtual agents. They sleep until they are woken. */
export class Fleet {
  readonly agents: readonly VirtualAgent[];
  readonly context: FleetContext;
  readonly #heartbeats: Heartbeats;
  readonly #telemetry: TelemetryReports;
  readonly #work: TaskWork;

  constructor(context: FleetContext, agents: readonly VirtualAgent[]) {
    this.context = context;
    this.agents = agents;
    this.#work = new TaskWork(context);
    this.#telemetry = new TelemetryReports(context);
    this.#heartbeats = new Heartbeats(context, {
      heard: (agent) => {
        this.#work.speak(agent);
        this.#telemetry.flush(agent);
      },
      tasks: (agent, tasks) => this.#work.take(agent, tasks),
    });
  }

  /** Begins the fleet's time: from now on agents measure themselves and go away as their seed has it. */
  start(): void {
    const { wheel } = this.context;
    const begin = wheel.now();
    for (const agent of this.agents) {
      this.#telemetry.begin(agent);
      const { absence } = agent.profile;
      if (absence === undefined) continue;
      wheel.at(begin + absence.fromMs, () => this.#leave(agent, 'absent'));
      wheel.at(begin + absence.toMs, () => this.#return(agent, 'absent'));
    }
    wheel.start();
  }

  /** Ends a reason for which the group was away; each agent comes back at a moment of its own within that time. */
  bringBack(group: Group, reason: AwayReason, withinMs: number): number {
    const agents = this.#of(group).filter((agent) => (agent.away & AWAY[reason]) !== 0);
    const { wheel, chance } = this.context;
    for (const agent of agents) {
      const inMs = chance.fraction('return', agent.index) * withinMs;
      wheel.after(inMs, () => this.#return(agent, reason));
    }
    return agents.length;
  }

  /** Cuts the group off at once. */
  sendAway(group: Group, reason: AwayReason): number {
    const agents = this.#of(group);
    for (const agent of agents) this.#leave(agent, reason);
    return agents.length;
  }

  countReachable(group: Group = 'all'): number {
    return this.#of(group).reduce((count, agent) => count + (agent.reachable ? 1 : 0), 0);
  }

  /** No more heartbeats fall due; those that are not confirmed are said until they are. */
  finish(): void {
    this.#heartbeats.finish();
  }

  /** Heartbeats that still wait to be confirmed. */
  unconfirmed(): number {
    return this.agents.reduce((count, agent) => count + (agent.beatDueAt === undefined ? 0 : 1), 0);
  }

  #of(group: Group): readonly VirtualAgent[] {
    return group === 'all' ? this.agents : this.agents.filter((agent) => agent.profile.site === group.site);
  }

  #leave(agent: VirtualAgent, reason: AwayReason): void {
    const wasReachable = agent.reachable;
    agent.away |= AWAY[reason];
    if (!wasReachable) return;
    agent.presence += 1;
    this.#heartbeats.breakOff(agent);
    agent.silences ??= [];
    agent.silences.push({
      lastSentAt: agent.lastSentAt,
      lastTriedAt: agent.lastTriedAt,
      fromAt: Date.now(),
      toAt: undefined,
    });
    this.context.transport.hangUp(agent);
  }

  #return(agent: VirtualAgent, reason: AwayReason): void {
    if ((agent.away & AWAY[reason]) === 0) return;
    agent.away &= ~AWAY[reason];
    if (!agent.reachable) return;
    const silence = agent.silences?.at(-1);
    if (silence !== undefined && silence.toAt === undefined) silence.toAt = Date.now();
    agent.presence += 1;
    restartWords(agent, this.context.wheel.now());
    this.#heartbeats.begin(agent);
  }
}
