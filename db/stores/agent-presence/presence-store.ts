import type { ExpiryPass } from '../../../contracts/agent-presence/presence.ts';
import type { Database } from '../../database.ts';
import { CheckInWriter } from './check-in.ts';
import { type ExpiryRules, expireShard } from './expiry.ts';
import { beatIntake } from './intake.ts';

/** One beat may be late, and another lost, before silence is believed. */
const BEATS_PER_SILENCE = 3;

/** Who is there: heartbeats in, expiry out. */
export class PresenceStore {
  readonly checkIns: CheckInWriter;
  readonly #database: Database;
  readonly #rules: ExpiryRules;

  constructor(database: Database, rules: ExpiryRules) {
    this.#database = database;
    this.#rules = rules;
    this.checkIns = new CheckInWriter(database.pool);
  }

  expireShard(shard: number): Promise<ExpiryPass> {
    return expireShard(this.#database.pool, shard, this.#rules);
  }

  /** How often a listening API should say so, in milliseconds. */
  get intakeBeatMs(): number {
    return Math.round((this.#rules.intakeSilenceSeconds * 1_000) / BEATS_PER_SILENCE);
  }

  beatIntake(): Promise<number> {
    return beatIntake(this.#database.pool, this.#rules.intakeSilenceSeconds);
  }
}
