import type { HeartbeatRequest, HeartbeatResponse } from '../../contracts/agent/heartbeat.ts';
import { type Logger, messageOf } from '../log.ts';
import { Backoff, type BackoffOptions, spread } from '../protocol/backoff.ts';
import { isShutOut, PlatformError, verdictOf } from '../protocol/errors.ts';
import { sleep } from '../timing.ts';
import type { IdentityKeeper } from './identity-keeper.ts';
import type { Parts } from './parts.ts';

export interface HeartbeatOptions {
  readonly parts: Parts;
  readonly keeper: IdentityKeeper;
  readonly log: Logger;
  readonly version: string;
  readonly instanceId: string;
  readonly startJitterMs: number;
  readonly backoff?: BackoffOptions | undefined;
  readonly minIntervalMs?: number | undefined;
  readonly onAnswer: (answer: HeartbeatResponse) => Promise<void>;
}

const STEADY_SPREAD = 0.05;

/** Makes the small body that says how the agent is. */
export function heartbeatBody(parts: Parts, version: string, instanceId: string): HeartbeatRequest {
  const queue = parts.outbox.counters;
  const tasks = parts.runner.counters;
  const lastError = parts.troubles.last;
  return {
    agent_version: version,
    status: lastError === null ? 'ONLINE' : 'DEGRADED',
    last_error: lastError,
    instance_id: instanceId,
    hardware_id: parts.session.identity.hardware_id,
    counters: {
      queue_words: queue.words,
      queue_reports: queue.deployments,
      queue_telemetry: queue.telemetry,
      queue_bytes: queue.bytes,
      tasks_running: tasks.running,
      tasks_waiting: tasks.waiting,
    },
  };
}

/** Says at the platform's pace that the agent lives, and takes what is to be done. */
export class HeartbeatLoop {
  readonly #options: HeartbeatOptions;
  readonly #backoff: Backoff;
  #count = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    // No longer than the usual interval: an outage then ends within a minute for everyone, at the usual load.
    this.#backoff = new Backoff({ capMs: 60_000, ...options.backoff });
  }

  async run(signal: AbortSignal): Promise<void> {
    let waitMs = Math.random() * this.#options.startJitterMs;
    while (!signal.aborted) {
      await sleep(waitMs, signal);
      if (signal.aborted) return;
      waitMs = await this.#beat(signal);
    }
  }

  /** One heartbeat; resolves with the milliseconds until the next. */
  async #beat(signal: AbortSignal): Promise<number> {
    const { parts, keeper, log, version, instanceId } = this.#options;
    try {
      const body = heartbeatBody(parts, version, instanceId);
      const answer = await parts.session.client.heartbeat(parts.session.agentId, body, { signal });
      this.#backoff.reset();
      keeper.accepted();
      parts.rhythm.heartbeatMs = Math.max(
        this.#options.minIntervalMs ?? 1_000,
        answer.next_heartbeat_seconds * 1_000,
      );
      await this.#options.onAnswer(answer);
      await this.#renew();
      this.#count += 1;
      // Agents that were started together are spread over one interval by their second heartbeat.
      const next = parts.rhythm.heartbeatMs;
      return this.#count === 1 ? Math.random() * next : spread(next, STEADY_SPREAD);
    } catch (error) {
      if (signal.aborted) return 0;
      if (verdictOf(error) === 'identity' || isShutOut(error) || this.#hasExpired())
        return keeper.refused(error);
      const waitMs = this.#backoff.next(error instanceof PlatformError ? error.retryAfterMs : 0);
      log.warn('The heartbeat was not answered', { error, retry_in_ms: waitMs });
      return waitMs;
    }
  }

  /** A certificate that has run out is refused in the handshake, which looks like any broken connection. */
  #hasExpired(): boolean {
    return this.#options.parts.enrolment.hasExpired();
  }

  async #renew(): Promise<void> {
    const { parts, log } = this.#options;
    try {
      await parts.enrolment.renewIfDue();
      parts.troubles.clear('renewal');
    } catch (error) {
      log.error('The certificate could not be renewed; it will be tried again', { error });
      parts.troubles.report('renewal', messageOf(error));
    }
  }
}
