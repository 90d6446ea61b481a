import { MAX_TELEMETRY_BATCH } from '../../contracts/telemetry/telemetry.ts';
import { batchBody, sampleBody } from './bodies.ts';
import { attempt, type FleetContext, JSON_HEADERS } from './context.ts';
import type { VirtualAgent } from './virtual-agent.ts';

/** How much earlier or later than the interval a report may come. */
const JITTER = 0.1;
/** Of one agent; the oldest goes first. */
const MAX_KEPT = 1_000;

/** Measures each agent at its own pace; what cannot be sent is kept and sent in batches later. */
export class TelemetryReports {
  readonly #context: FleetContext;

  constructor(context: FleetContext) {
    this.#context = context;
  }

  /** For the life of the fleet, also while the agent cannot be reached. */
  begin(agent: VirtualAgent): void {
    const { wheel } = this.#context;
    wheel.at(wheel.now() + agent.profile.telemetryOffsetMs, () => this.#measure(agent, wheel.now()));
  }

  /** Sends what was kept. */
  flush(agent: VirtualAgent): void {
    const kept = agent.samples;
    if (kept === undefined || kept.length === 0 || !agent.reachable) return;
    const batch = kept.splice(0, MAX_TELEMETRY_BATCH);
    if (kept.length === 0) agent.samples = undefined;
    this.#send(agent, batch, this.#context.wheel.now());
  }

  #measure(agent: VirtualAgent, dueAt: number): void {
    const { wheel, plan, chance, tally } = this.#context;
    const turn = agent.samplesMade + 1;
    const pauseMs = plan.telemetryMs * chance.between(1 - JITTER, 1 + JITTER, 'telemetry', agent.index, turn);
    wheel.at(dueAt + pauseMs, () => this.#measure(agent, dueAt + pauseMs));
    // A machine that is off measures nothing.
    if ((agent.away & ASLEEP_OR_ABSENT) !== 0) return;
    tally.samplesDue += 1;
    const sample = sampleBody(chance, agent, new Date());
    if (agent.reachable) this.#send(agent, [sample], Math.min(dueAt, wheel.now()));
    else this.#keep(agent, [sample]);
  }

  #send(agent: VirtualAgent, samples: readonly string[], dueAt: number): void {
    const { tally } = this.#context;
    const call = {
      method: 'POST',
      path: `/api/v1/agents/${agent.id}/telemetry`,
      headers: JSON_HEADERS,
      body: samples.length === 1 ? (samples[0] ?? '') : batchBody(samples),
    } as const;
    attempt(this.#context, agent, 'telemetry', call, dueAt, (reply, ok) => {
      if (ok) tally.samplesDelivered += samples.length;
      else if (reply.kind === 'answered' && reply.status >= 400 && reply.status < 429)
        tally.samplesRejected += samples.length;
      else this.#keep(agent, samples);
    });
  }

  #keep(agent: VirtualAgent, samples: readonly string[]): void {
    this.#context.tally.kept += samples.length;
    agent.samples = [...(agent.samples ?? []), ...samples].slice(-MAX_KEPT);
  }
}

const ASLEEP_OR_ABSENT = 1 | 2;
