import type { CheckInAnswer } from '../../db/stores/agent-presence/check-in.ts';
import type { takePoint } from '../middleware/rate-limit.ts';

/** What the fast path found out about a request before it gave it to the routes: they do not do it again. */
export interface FoundOut {
  /** The refusal, if the agent has used up its requests; its point is taken in any case. */
  readonly limited: Awaited<ReturnType<typeof takePoint>>;
  /** What became of the heartbeat, or how it failed. */
  readonly heard?: Promise<CheckInAnswer>;
}

/** By the incoming message of Node. */
export const foundOut = new WeakMap<object, FoundOut>();
