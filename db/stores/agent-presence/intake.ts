import type { Pool } from 'pg';

/** How often a listening API says so, in seconds. */
export const INTAKE_BEAT_SECONDS = 5;
/** Silence of all APIs, in seconds, that counts as an outage of the platform. */
export const INTAKE_SILENCE_SECONDS = 15;

/**
 * Says that agents can be heard. After a silence it records the outage first, so that deadlines move by it
 * before anybody can expire.
 *
 * @returns the length of an outage that has just ended, in milliseconds; 0 without one
 */
export async function beatIntake(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ silent_ms: number }>(
    `WITH before AS (SELECT alive_at FROM intake FOR UPDATE), outage AS (
       INSERT INTO intake_outage (began_at, ended_at)
       SELECT alive_at, now() FROM before WHERE alive_at < now() - interval '${INTAKE_SILENCE_SECONDS} seconds'
       ON CONFLICT (began_at) DO UPDATE SET ended_at = GREATEST(intake_outage.ended_at, excluded.ended_at)
       RETURNING extract(epoch FROM ended_at - began_at) * 1000 AS silent_ms
     ), beat AS (
       INSERT INTO intake (alive_at) VALUES (now())
       ON CONFLICT (singleton) DO UPDATE SET alive_at = GREATEST(intake.alive_at, excluded.alive_at)
     )
     SELECT COALESCE((SELECT silent_ms FROM outage), 0)::float8 AS silent_ms`,
  );
  return rows[0]?.silent_ms ?? 0;
}
