import { setTimeout as delay } from 'node:timers/promises';
import type { ExpiryPass } from '../../contracts/agent-presence/presence.ts';
import type { PresenceStore } from '../../db/stores/agent-presence/presence-store.ts';
import { alive } from '../alive.ts';

export type AgentPresenceActivities = ReturnType<typeof agentPresenceActivities>;

/** Whoever is due so soon is waited for here, by the clock, instead of by a timer that stands in line with all others. */
const LINGER_MS = 5_000;
/** So much sooner the next pass is asked for: so long Temporal may take to begin it without making anybody late. */
const LEAD_MS = 1_500;

export function agentPresenceActivities(presence: Pick<PresenceStore, 'expireShard'>) {
  return {
    /** Passes over a shard, until nobody of it is due soon, alerts are to be delivered, or the worker wants its activities back. */
    expireShard: (shard: number): Promise<ExpiryPass> =>
      alive(async (signal) => {
        const lingersUntil = performance.now() + LINGER_MS;
        let expired = 0;
        for (;;) {
          const pass = await presence.expireShard(shard);
          expired += pass.expired;
          const early = pass.next_in_ms > LEAD_MS;
          // What is due within the lead could not be asked for in time.
          const soon = performance.now() + pass.next_in_ms <= lingersUntil + (early ? 0 : 2 * LEAD_MS);
          if (!soon || pass.alert_batches.length > 0)
            return { ...pass, expired, next_in_ms: early ? pass.next_in_ms - LEAD_MS : pass.next_in_ms };
          await delay(pass.next_in_ms, undefined, { signal }).catch(() => undefined);
          if (signal.aborted) return { ...pass, expired, next_in_ms: 1 };
        }
      }),
  };
}
