import type { ExpiryPass } from '../../contracts/agent-presence/presence.ts';
import type { PresenceStore } from '../../db/stores/agent-presence/presence-store.ts';

export type AgentPresenceActivities = ReturnType<typeof agentPresenceActivities>;

export function agentPresenceActivities(presence: Pick<PresenceStore, 'expireShard'>) {
  return {
    expireShard: (shard: number): Promise<ExpiryPass> => presence.expireShard(shard),
  };
}
