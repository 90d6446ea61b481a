import type { PoolClient } from 'pg';

/** Heartbeats and expiry lock an agent's presence before the agent: whoever needs both does so in that order. */
export async function lockPresence(client: PoolClient, agentId: string): Promise<void> {
  await client.query('SELECT 1 FROM agent_presence WHERE agent_id = $1 FOR UPDATE', [agentId]);
}
