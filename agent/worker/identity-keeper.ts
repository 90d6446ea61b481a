import type { Identity } from '../identity/identity.ts';
import { type Logger, messageOf } from '../log.ts';
import { Backoff } from '../protocol/backoff.ts';
import { isCloned, isShutOut, PlatformError } from '../protocol/errors.ts';
import type { Parts } from './parts.ts';

export interface KeeperOptions {
  readonly parts: Parts;
  readonly log: Logger;
  /** First and longest pause while there is nothing to do but knock, in milliseconds. */
  readonly slow?: { readonly baseMs?: number; readonly capMs?: number } | undefined;
}

/**
 * Acts when the platform does not know the agent as who it claims to be: cloned, revoked, or with a certificate
 * that is not accepted. Everything here is slow on purpose; none of it may become a loop.
 */
export class IdentityKeeper {
  readonly #parts: Parts;
  readonly #log: Logger;
  readonly #slow: Backoff;
  #shutOut = false;

  constructor({ parts, log, slow }: KeeperOptions) {
    this.#parts = parts;
    this.#log = log;
    this.#slow = new Backoff({ baseMs: slow?.baseMs ?? 30_000, capMs: slow?.capMs ?? 3_600_000 });
  }

  /** Whether the platform has revoked or deleted this agent; it then only knocks. */
  get shutOut(): boolean {
    return this.#shutOut;
  }

  /** The platform has answered: all is well (again). */
  accepted(): void {
    this.#slow.reset();
    this.#shutOut = false;
    this.#parts.troubles.clear('identity');
    this.#parts.courier.block(false);
  }

  /**
   * Deals with a refusal of the identity.
   * Resolves with the milliseconds to wait before the next heartbeat; 0 when the identity is settled.
   */
  async refused(error: unknown): Promise<number> {
    this.#parts.courier.block(true);
    const retryAfterMs = error instanceof PlatformError ? (error.retryAfterMs ?? 0) : 0;
    if (isShutOut(error)) return this.#knock(messageOf(error), retryAfterMs);
    try {
      if (isCloned(error)) {
        const waitMs = await this.#parts.enrolment.reenrolmentAllowedIn();
        if (waitMs > 0)
          return this.#wait('another machine uses this identity, which was changed just now', waitMs);
        await this.becomeOneself(this.#parts.session.identity);
      } else {
        // Run out, or signed by a CA that was replaced: the registration key proves the machine anew.
        await this.#parts.enrolment.enrol();
      }
      return 0;
    } catch (failure) {
      return this.#wait(messageOf(failure), retryAfterMs);
    }
  }

  /**
   * Leaves an identity that belongs to another machine, and all that was done under it. The courier is blocked
   * meanwhile: the queue waits untouched until there is a new identity, and is dropped before that says a word.
   */
  async becomeOneself(old: Identity): Promise<void> {
    await this.#parts.runner.abandon('The agent is a clone; its tasks belong to another machine');
    await this.#parts.enrolment.reenrolAsClone(old, () => this.#forget());
  }

  /** Ends what an earlier process began and did not finish. */
  finish(identity: Identity): Promise<void> {
    return this.#parts.enrolment.finishReenrolment(identity, () => this.#forget());
  }

  async #forget(): Promise<void> {
    const { outbox, journal, updates } = this.#parts;
    await outbox.clear();
    await journal.clear();
    await updates.dropUpdate();
  }

  /** Milliseconds until the identity is worth trying again. */
  #wait(reason: string, leastMs: number): number {
    const waitMs = this.#slow.next(leastMs);
    this.#parts.troubles.report('identity', reason);
    this.#log.error('The platform does not accept this agent’s identity', { reason, retry_in_ms: waitMs });
    return waitMs;
  }

  async #knock(reason: string, leastMs: number): Promise<number> {
    const waitMs = this.#slow.next(leastMs);
    if (!this.#shutOut) await this.#parts.runner.abandon('The agent has been shut out');
    this.#shutOut = true;
    this.#log.error(
      'The platform has shut this agent out; it has stopped working. To enrol the machine again: stop the agent, remove identity.json from its home, and start it with a new registration key',
      { reason, retry_in_ms: waitMs },
    );
    return waitMs;
  }
}
