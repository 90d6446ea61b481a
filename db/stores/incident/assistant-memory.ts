import type { Pool } from 'pg';

/** What the assistant remembers over all its workers: answers, and the tokens that were spent. */
export class AssistantMemory {
  readonly #pool: Pool;
  readonly #answerHours: number;

  /** @param answerHours for how long an answer is taken again; 0 keeps none */
  constructor(pool: Pool, answerHours: number) {
    this.#pool = pool;
    this.#answerHours = answerHours;
  }

  async get(key: string): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ answer: string }>(
      'SELECT answer FROM ai_answer WHERE key = $1 AND expires_at > now()',
      [key],
    );
    return rows[0]?.answer;
  }

  async put(key: string, answer: string): Promise<void> {
    if (this.#answerHours === 0) return;
    await this.#pool.query(
      `WITH old AS (DELETE FROM ai_answer WHERE expires_at <= now() AND key <> $1)
       INSERT INTO ai_answer (key, answer, expires_at) VALUES ($1, $2, now() + make_interval(hours => $3))
       ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, expires_at = excluded.expires_at`,
      [key, answer, this.#answerHours],
    );
  }

  /** Takes `tokens` from today's budget (UTC) if all of them are left; answers whether it did. */
  async reserve(provider: string, tokens: number, dailyLimit: number): Promise<boolean> {
    if (tokens > dailyLimit) return false;
    const { rowCount } = await this.#pool.query(
      `INSERT INTO ai_token_day AS spent (provider, day, tokens) VALUES ($1, (now() AT TIME ZONE 'UTC')::date, $2)
       ON CONFLICT (provider, day) DO UPDATE SET tokens = spent.tokens + $2 WHERE spent.tokens + $2 <= $3`,
      [provider, tokens, dailyLimit],
    );
    return rowCount === 1;
  }

  /** Replaces a reservation of today by what was really used. */
  async settle(provider: string, reserved: number, used: number): Promise<void> {
    await this.#pool.query(
      `UPDATE ai_token_day SET tokens = GREATEST(0, tokens + $2)
       WHERE provider = $1 AND day = (now() AT TIME ZONE 'UTC')::date`,
      [provider, used - reserved],
    );
  }
}
