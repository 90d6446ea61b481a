import type { ExpiryPass } from '../../../contracts/agent-presence/presence.ts';
import type { Database } from '../../database.ts';
import { CheckInWriter } from './check-in.ts';
import { type ExpiryRules, expireShard } from './expiry.ts';
import { beatIntake } from './intake.ts';

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

  beatIntake(): Promise<number> {
    return beatIntake(this.#database.pool);
  }
}
