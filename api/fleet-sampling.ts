import type { Stores } from '../db/stores/index.ts';
import type { Logger } from '../runtime/logger.ts';

/** Oftener than samples are kept, so that each moment gets its own whoever is down for a while. */
const EVERY_MS = 60_000;

/** Keeps the fleet's counts over time. @returns a function that ends it */
export function startFleetSampling(
  { fleetHistory }: Pick<Stores, 'fleetHistory'>,
  logger: Logger,
): () => void {
  const sample = () =>
    fleetHistory.sample().catch((error: unknown) => {
      logger.warn({ err: error }, 'The counts of the fleet could not be kept');
    });
  void sample();
  const timer = setInterval(sample, EVERY_MS);
  return () => clearInterval(timer);
}
