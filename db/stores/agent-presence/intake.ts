import type { Pool } from 'pg';

const LONGEST_SILENCE_SECONDS = 15;
const SHORTEST_SILENCE_SECONDS = 1;

/**
 * Silence of all APIs, in seconds, that counts as an outage of the platform. It must end before an agent that is
 * heard every `heartbeatSeconds` can be OFFLINE because of it.
 */
export function intakeSilenceSeconds(offlineAfterSeconds: number, heartbeatSeconds: number): number {
  const half = (offlineAfterSeconds - heartbeatSeconds) / 2;
  return Math.min(LONGEST_SILENCE_SECONDS, Math.max(SHORTEST_SILENCE_SECONDS, half));
}

/**
 * Says that agents can be heard. After a silence it records the outage first, so that deadlines move by it
 * before anybody can expire.
 *
 * @returns the length of an outage that has just ended, in milliseconds; 0 without one
 */
export async function beatIntake(pool: Pool, silenceSeconds: number): Promise<number> {
  const { rows } = await pool.query<{ silent_ms: number }>(
    `WITH before AS (SELECT alive_at FROM intake FOR UPDATE), outage AS (
       INSERT INTO intake_outage (began_at, ended_at)
       SELECT alive_at, now() FROM before WHERE alive_at < now() - make_interval(secs => $1)
       ON CONFLICT (began_at) DO UPDATE SET ended_at = GREATEST(intake_outage.ended_at, excluded.ended_at)
       RETURNING extract(epoch FROM ended_at - began_at) * 1000 AS silent_ms
     ), beat AS (
       INSERT INTO intake (alive_at) VALUES (now())
       ON CONFLICT (singleton) DO UPDATE SET alive_at = GREATEST(intake.alive_at, excluded.alive_at)
     )
     SELECT COALESCE((SELECT silent_ms FROM outage), 0)::float8 AS silent_ms`,
    [silenceSeconds],
  );
  return rows[0]?.silent_ms ?? 0;
}
