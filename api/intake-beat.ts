import type { PresenceStore } from '../db/stores/agent-presence/presence-store.ts';
import type { Logger } from '../runtime/logger.ts';

/** Says every few seconds, while agents can be heard, that they can. @returns a function that ends it */
export function startIntakeBeat(
  presence: Pick<PresenceStore, 'beatIntake'>,
  logger: Logger,
  everyMs: number,
): () => void {
  const beat = async () => {
    try {
      const silentMs = await presence.beatIntake();
      if (silentMs > 0)
        logger.warn(
          { silent_ms: Math.round(silentMs) },
          'Nobody could be heard for a while; deadlines of agents move by it',
        );
    } catch (error) {
      logger.warn({ err: error }, 'Postgres cannot be told that agents are heard');
    }
  };
  void beat();
  const timer = setInterval(beat, everyMs);
  return () => clearInterval(timer);
}
