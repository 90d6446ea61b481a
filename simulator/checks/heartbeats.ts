import { type CheckResult, Findings } from './check.ts';

/** What an agent knows of its own heartbeats. */
export interface HeardAgent {
  readonly id: string;
  /** When its last confirmed heartbeat was sent, epoch milliseconds; 0 before the first. */
  readonly lastSentAt: number;
}

/** Node's clock and Postgres' are one, read to the millisecond and to the microsecond. */
const CLOCK_MS = 2;

/**
 * A heartbeat that was confirmed is in the database: the agent's stamp is not older than the moment at which its last
 * confirmed heartbeat was sent. Looked at again and again in a run, and for every agent at its end.
 */
export class HeartbeatAudit {
  readonly #findings = new Findings();

  /**
   * @param agents as they were before `stamps` were read
   * @param stamps of the database, epoch milliseconds by agent
   */
  compare(agents: readonly HeardAgent[], stamps: ReadonlyMap<string, number>): void {
    for (const { id, lastSentAt } of agents) {
      if (lastSentAt === 0) continue;
      this.#findings.checked += 1;
      const stamp = stamps.get(id);
      if (stamp === undefined) this.#findings.wrong(() => `${id} was confirmed, but never stamped`);
      else if (stamp < lastSentAt - CLOCK_MS)
        this.#findings.wrong(
          () => `${id} was confirmed at ${iso(lastSentAt)}, but last stamped at ${iso(stamp)}`,
        );
    }
  }

  result(): CheckResult {
    return this.#findings.result(
      'no heartbeat lost',
      'Every confirmed heartbeat is in the database, during the run and at its end.',
    );
  }
}

export interface Delivery {
  readonly due: number;
  readonly confirmed: number;
  /** Agents went away before the answer came: nobody knows. */
  readonly brokenOff: number;
  /** Share of them that must get through, 0 to 1. */
  readonly least: number;
}

/** Every heartbeat that fell due got through, before the next one of its agent was due. */
export function checkDelivery({ due, confirmed, brokenOff, least }: Delivery): CheckResult {
  const findings = new Findings();
  findings.checked = due;
  const missing = due - confirmed - brokenOff;
  if (due === 0) findings.wrong(() => 'no heartbeat fell due');
  if (due - missing < least * due) {
    findings.violations = missing;
    findings.examples.push(`${missing} of ${due} did not get through within their interval`);
  }
  return findings.result(
    'the whole load was delivered',
    `At least ${Math.round(least * 100)} % of the heartbeats that fell due were confirmed before their agent’s next one.`,
  );
}

const iso = (at: number): string => new Date(at).toISOString();
