import { type Logger, messageOf } from '../log.ts';
import { Backoff, type BackoffOptions } from '../protocol/backoff.ts';
import type { PlatformClient } from '../protocol/client.ts';
import { isForeignRefusal, isTooLarge, PlatformError, verdictOf } from '../protocol/errors.ts';
import { Waker } from '../timing.ts';
import type { Troubles } from '../troubles.ts';
import type { Outbox } from './outbox.ts';
import type { Entry, OutboxRecord, WordRecord } from './records.ts';
import { shortOutcome } from './short-outcome.ts';
import { TelemetryBatch } from './telemetry-batch.ts';

/** What became of a record at its first try: taken, refused for good, or kept for later. */
export type Delivery =
  | { readonly outcome: 'delivered' | 'kept' }
  | { readonly outcome: 'refused'; readonly error: PlatformError };

export interface CourierOptions {
  readonly outbox: Outbox;
  readonly peer: () => { readonly client: PlatformClient; readonly agentId: string };
  readonly limits: () => { readonly max_telemetry_batch: number; readonly max_body_bytes: number };
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly backoff?: BackoffOptions;
}

/**
 * Carries the outbox to the platform: words and reports first, in the order in which they were spoken, then
 * telemetry in batches. What the platform refuses is dropped and told, but for the outcome of a task, which is
 * told in short; whatever else fails is kept.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #backoff: Backoff;
  readonly #waker = new Waker();
  readonly #waiting = new Map<number, (delivery: Delivery) => void>();
  readonly #telemetry: TelemetryBatch;
  #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #away = false;
  #blocked = true;
  /** Until then the platform asked to be left alone, in milliseconds since 1970. */
  #notBefore = 0;
  /** Told of every word that the platform refuses, also of those kept for long. */
  onRefusal: (record: WordRecord, error: PlatformError) => void = () => undefined;
  onDelivered: (record: WordRecord) => void = () => undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#telemetry = new TelemetryBatch(options.outbox, options.limits);
    options.outbox.onForgotten = (sequence) => this.#settle(sequence, { outcome: 'kept' });
  }

  start(): void {
    this.#blocked = false;
    this.#stopped = new AbortController();
    this.#loop = this.#work(this.#stopped.signal);
  }

  /** Ends after the record under way, at the latest when its time is up. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#settleAll({ outcome: 'kept' });
    await this.#loop;
  }

  /** The platform answers (again): goes on without waiting for the backoff. */
  kick(): void {
    if (Date.now() < this.#notBefore) return;
    this.#away = false;
    this.#backoff.reset();
    this.#waker.wake();
  }

  /** Holds everything back while it is not settled who this agent is. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
    if (blocked) this.#settleAll({ outcome: 'kept' });
    else this.kick();
  }

  /** Keeps a record and tries to deliver it; resolves after the first try, at once while the platform is away. */
  async send(record: OutboxRecord): Promise<Delivery> {
    const { outbox } = this.#options;
    // Before anything is awaited: records lie in the order in which callers spoke.
    const { sequence, stored } = outbox.add(record);
    const delivery = new Promise<Delivery>((resolve) => this.#waiting.set(sequence, resolve));
    if (record.kind === 'word' && record.word === 'progress') {
      await outbox.dropWords(record.task_id, (old) => old.word === 'progress' && old.sequence < sequence);
    }
    await stored;
    if (this.#away || this.#blocked || this.#stopped.signal.aborted)
      this.#settle(sequence, { outcome: 'kept' });
    // While it is away its backoff decides when to try again, not the number of things to say.
    if (!this.#away) this.#waker.wake();
    return delivery;
  }

  /** Tries until nothing waits or the platform does not answer, at most `ms`. */
  async flush(ms: number): Promise<void> {
    const until = Date.now() + ms;
    this.kick();
    while (Date.now() < until && !this.#away && !this.#blocked) {
      const { words, deployments, telemetry } = this.#options.outbox.counters;
      if (words + deployments + telemetry === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = 60_000;
      try {
        if (!this.#blocked && (await this.#carryOne(signal))) {
          this.#away = false;
          this.#backoff.reset();
          this.#options.troubles.clear('delivery');
          continue;
        }
      } catch (error) {
        if (signal.aborted) break;
        this.#away = true;
        const retryAfterMs = error instanceof PlatformError ? (error.retryAfterMs ?? 0) : 0;
        this.#notBefore = Date.now() + retryAfterMs;
        pauseMs = this.#backoff.next(retryAfterMs);
        this.#options.log.warn('Nothing can be delivered just now; it is kept', {
          error,
          retry_in_ms: pauseMs,
        });
        if (isForeignRefusal(error)) {
          this.#options.troubles.report(
            'delivery',
            `something between agent and platform answers ${error.status}; what is to be said is kept`,
          );
        }
        this.#settleAll({ outcome: 'kept' });
      }
      await this.#waker.wait(pauseMs, signal);
    }
  }

  /** Delivers or drops what is next; false when nothing waits. Throws when it must be tried again later. */
  async #carryOne(signal: AbortSignal): Promise<boolean> {
    const next = this.#options.outbox.oldest(['word', 'deployment'], 1)[0];
    if (next === undefined) return this.#carryTelemetry(signal);
    const record = await this.#options.outbox.read(next);
    if (record === undefined) return true;
    try {
      await this.#deliver(record, signal);
    } catch (error) {
      const short = shortOutcome(record, error);
      if (short !== undefined) {
        // The long one stays in the queue until the short one was taken.
        this.#complain(`word ${short.word} on task ${short.task_id}`, error, 'it is told in short');
        return this.#carryShort(next, record, short, signal);
      }
      return this.#refused(next, record, error);
    }
    return this.#delivered(next, record);
  }

  async #carryShort(
    entry: Entry,
    record: OutboxRecord,
    short: WordRecord,
    signal: AbortSignal,
  ): Promise<true> {
    try {
      await this.#deliver(short, signal);
    } catch (error) {
      return this.#refused(entry, record, error);
    }
    return this.#delivered(entry, record);
  }

  async #refused(entry: Entry, record: OutboxRecord, error: unknown): Promise<true> {
    if (!(error instanceof PlatformError) || verdictOf(error) !== 'refused') throw error;
    await this.#drop(entry, record, error);
    return true;
  }

  async #delivered(next: Entry, record: OutboxRecord): Promise<true> {
    this.#settle(next.sequence, { outcome: 'delivered' });
    await this.#options.outbox.remove(next);
    if (record.kind === 'word') this.onDelivered(record);
    return true;
  }

  async #deliver(record: OutboxRecord, signal: AbortSignal): Promise<void> {
    const { client, agentId } = this.#options.peer();
    if (record.kind === 'word') {
      const { task_id, word, body, correlation_id } = record;
      await client.say(task_id, word, body, { correlationId: correlation_id, signal });
    } else if (record.kind === 'deployment') {
      await client.deploymentStatus(agentId, record.report, { correlationId: record.correlation_id, signal });
    }
  }

  async #carryTelemetry(signal: AbortSignal): Promise<boolean> {
    const batch = await this.#telemetry.next();
    if (batch === undefined) return false;
    const { client, agentId } = this.#options.peer();
    try {
      if (batch.samples.length > 0) await client.telemetry(agentId, { samples: batch.samples }, { signal });
    } catch (error) {
      if (verdictOf(error) !== 'refused' && !isTooLarge(error)) throw error;
      // One sample may spoil the rest: they are tried one by one, and only what is refused alone is dropped.
      if (this.#telemetry.narrow(batch)) return true;
      this.#complain('telemetry', error);
    }
    for (const entry of batch.entries) {
      this.#settle(entry.sequence, { outcome: 'delivered' });
      await this.#options.outbox.remove(entry);
    }
    return true;
  }

  async #drop(entry: Entry, record: OutboxRecord, error: PlatformError): Promise<void> {
    if (record.kind !== 'word') {
      this.#complain(record.kind, error);
    } else if (error.status === 404 || error.status === 409) {
      this.#options.log.warn('The platform decided otherwise on a task; the word is dropped', {
        task_id: record.task_id,
        word: record.word,
        task_status: error.taskStatus,
        error,
      });
    } else {
      this.#complain(`word ${record.word} on task ${record.task_id}`, error);
    }
    this.#settle(entry.sequence, { outcome: 'refused', error });
    await this.#options.outbox.remove(entry);
    if (record.kind === 'word') this.onRefusal(record, error);
  }

  #complain(what: string, error: unknown, then = 'it is dropped'): void {
    this.#options.log.error(`The platform refused a record; ${then}`, { what, error });
    this.#options.troubles.report('refused', `${what}: ${messageOf(error)}`);
  }

  #settle(sequence: number, delivery: Delivery): void {
    this.#waiting.get(sequence)?.(delivery);
    this.#waiting.delete(sequence);
  }

  #settleAll(delivery: Delivery): void {
    for (const sequence of [...this.#waiting.keys()]) this.#settle(sequence, delivery);
  }
}
