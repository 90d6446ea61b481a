import { type FleetHistory, MAX_HISTORY_POINTS } from '../../../contracts/agent/agent.ts';
import type { Database } from '../../database.ts';
import { AgentStore } from './agent-store.ts';

/** Between samples, in seconds. */
export const SAMPLE_SECONDS = 300;

/** How many agents there were of each kind, over time. */
export class FleetHistoryStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Keeps the present counts, unless somebody has for this moment: all replicas of the API may call. */
  async sample(): Promise<void> {
    const summary = await new AgentStore(this.#database).summary();
    await this.#database.pool.query(
      `INSERT INTO fleet_sample (at, by_status, by_platform, by_agent_version)
       VALUES (date_bin(make_interval(secs => $1), now(), 'epoch'), $2, $3, $4) ON CONFLICT (at) DO NOTHING`,
      [
        SAMPLE_SECONDS,
        JSON.stringify(summary.by_status),
        JSON.stringify(summary.by_platform),
        JSON.stringify(summary.by_agent_version),
      ],
    );
  }

  /** Evenly thinned to at most {@link MAX_HISTORY_POINTS}, oldest first. */
  async list(hours: number): Promise<FleetHistory> {
    const step = Math.max(1, Math.ceil((hours * 3_600) / SAMPLE_SECONDS / MAX_HISTORY_POINTS));
    const { rows } = await this.#database.pool.query<
      Omit<FleetHistory['items'][number], 'at'> & { at: Date }
    >(
      `SELECT at, by_status, by_platform, by_agent_version FROM fleet_sample
       WHERE at > now() - make_interval(hours => $1) AND (extract(epoch FROM at) / $2)::bigint % $3 = 0
       ORDER BY at`,
      [hours, SAMPLE_SECONDS, step],
    );
    return { items: rows.map(({ at, ...counts }) => ({ at: at.toISOString(), ...counts })) };
  }
}
