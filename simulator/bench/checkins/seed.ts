import pg from 'pg';
import { PRESENCE_SHARDS } from '../../../contracts/temporal.ts';

/**
 * Fills a migrated database with agents that are online and known under the hardware that the load names.
 *
 * @returns the ids of `some` of them, chosen at random, in random order
 */
export async function seedAgents(
  databaseUrl: string,
  count: number,
  some: number = count,
): Promise<string[]> {
  // No connection of the product's pool: those give up after half a minute.
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET synchronous_commit = off; SET session_replication_role = replica`);
    await client.query(
      `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT id, 'bench:' || id, 'bench-' || id, 'host-' || n, 'linux', '12', '1.0.0', 'ONLINE', n % $2, now(),
         '{}', '{}', now(), now()
       FROM (SELECT n, uuid7() AS id FROM generate_series(1, $1::integer) n) made`,
      [count, PRESENCE_SHARDS],
    );
    await client.query(
      `INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id, instance_id)
       SELECT id, now(), presence_shard, 'ONLINE', agent_version, hardware_id, id FROM agent`,
    );
    await client.query('VACUUM (ANALYZE) agent, agent_presence');
    const { rows } = await client.query<{ id: string }>('SELECT id FROM agent ORDER BY random() LIMIT $1', [
      some,
    ]);
    return rows.map((row) => row.id);
  } finally {
    await client.end();
  }
}
