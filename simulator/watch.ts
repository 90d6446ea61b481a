import { HeartbeatAudit } from './checks/heartbeats.ts';
import type { Evidence } from './evidence/evidence.ts';
import type { Fleet } from './fleet/fleet.ts';
import type { Chance } from './fleet/random.ts';

/** Agents that one look compares. */
const SAMPLE = 500;

/** Looks again and again whether confirmed heartbeats are in the database. */
export class HeartbeatWatch {
  readonly audit = new HeartbeatAudit();
  readonly #fleet: Fleet;
  readonly #evidence: Evidence;
  readonly #chance: Chance;
  #turn = 0;

  constructor(fleet: Fleet, evidence: Evidence, chance: Chance) {
    this.#fleet = fleet;
    this.#evidence = evidence;
    this.#chance = chance;
  }

  /** A sample; nothing while the database is down. */
  async look(): Promise<void> {
    const { agents } = this.#fleet;
    this.#turn += 1;
    const from = this.#chance.bits('target', this.#turn, 2) % agents.length;
    // As they are before the database is asked.
    const sample = agents.slice(from, from + SAMPLE).map(({ id, lastSentAt }) => ({ id, lastSentAt }));
    const stamps = await this.#evidence.lastHeartbeats(sample.map(({ id }) => id)).catch(() => undefined);
    if (stamps !== undefined) this.audit.compare(sample, stamps);
  }

  /** All agents, at the end. */
  async lookAtAll(): Promise<void> {
    const all = this.#fleet.agents.map(({ id, lastSentAt }) => ({ id, lastSentAt }));
    this.audit.compare(all, await this.#evidence.lastHeartbeats());
  }
}
