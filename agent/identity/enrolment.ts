import { randomBytes } from 'node:crypto';
import { ConfigurationError } from '../exit-codes.ts';
import type { Logger } from '../log.ts';
import type { IssuedCertificate, RegisterBody } from '../protocol/client.ts';
import { PlatformError, verdictOf } from '../protocol/errors.ts';
import { type Fingerprint, hardwareId, sameMachine } from './hardware.ts';
import { type Identity, isRenewalDue, validityOf } from './identity.ts';
import { makeKey } from './keys.ts';
import type { Connection, Session } from './session.ts';
import type { IdentityStore } from './store.ts';

/** What the machine says of itself, without key, CSR and hardware id. */
export type MachineDescription = Omit<RegisterBody, 'registration_key' | 'csr' | 'hardware_id'>;

export interface EnrolmentOptions {
  readonly store: IdentityStore;
  readonly session: Session;
  readonly registrationKey: string | undefined;
  readonly fingerprint: Fingerprint;
  /** Set by configuration instead of derived. */
  readonly hardwareId: string | undefined;
  readonly describe: () => Promise<MachineDescription>;
  readonly log: Logger;
  readonly now?: () => number;
  /** At most one change of identity in this time, whatever the platform says: never a loop. */
  readonly reenrolmentIntervalMs?: number;
}

/** Sent in place of a registration key by a clone, which proves itself by the certificate that it has. */
const CLONE_KEY = 'clone';

/** Gets, renews and, for clones, changes the agent's identity. */
export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #now: () => number;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Whether an identity was made for this machine, and not copied here from another one. */
  belongsHere(identity: Identity): boolean {
    const { fingerprint, hardwareId: configured } = this.#options;
    if (configured !== undefined) return identity.hardware_id.startsWith(configured.slice(0, 100));
    return sameMachine(identity.fingerprint, fingerprint);
  }

  /**
   * First enrolment, or a new one where the certificate has run out: the platform then gives the same agent.
   * @throws ConfigurationError without a registration key, or when the platform does not accept it
   */
  async enrol(): Promise<void> {
    const { registrationKey, session, log } = this.#options;
    if (registrationKey === undefined) {
      throw new ConfigurationError(
        'This agent has not enrolled yet and has no registration key. Make an enrolment token at the platform and give it by EUCORA_AGENT_REGISTRATION_KEY or EUCORA_AGENT_REGISTRATION_KEY_FILE.',
      );
    }
    const known = await this.#options.store.load();
    const salt = (await this.#options.store.loadReenrolment())?.salt;
    try {
      const hardware = known?.hardware_id ?? this.#hardwareId(salt);
      await this.#registerOver(session.connect(undefined), registrationKey, hardware);
    } catch (error) {
      if (error instanceof PlatformError && verdictOf(error) !== 'retry') {
        throw new ConfigurationError(
          `The platform refused the enrolment (${error.code}): ${error.message}. Check the registration key; make a new enrolment token if it has run out.`,
          { cause: error },
        );
      }
      throw error;
    }
    log.info('Enrolled', { agent_id: session.agentId });
  }

  /** Milliseconds until the identity may be changed (again). */
  async reenrolmentAllowedIn(): Promise<number> {
    const last = await this.#options.store.loadReenrolment();
    if (last === undefined || !last.done) return 0;
    const since = this.#now() - Date.parse(last.at);
    // A clock that was set back must not lock the agent out for longer than the interval.
    if (since < 0) return 0;
    return Math.max(0, (this.#options.reenrolmentIntervalMs ?? 600_000) - since);
  }

  /**
   * Becomes an agent of its own: a clone authenticates once more by the certificate that it shares, asks for a
   * new identity under a new key and hardware id, and never uses the old one again. `forget` drops what belongs
   * to the old one, once there is a new one; until then it is kept, since the platform may take the old one back.
   */
  async reenrolAsClone(old: Identity, forget: () => Promise<void>): Promise<void> {
    const { store, session, registrationKey, log } = this.#options;
    const last = await store.loadReenrolment();
    const salt = last?.done === false ? last.salt : randomBytes(12).toString('hex');
    const at = new Date(this.#now()).toISOString();
    // Written first: were the answer lost, the repetition asks for the same identity, not for one more.
    const leaving = old.agent_id;
    await store.saveReenrolment({ salt, at, done: false, leaving });
    try {
      await this.#registerOver(session.connect(old), registrationKey ?? CLONE_KEY, this.#hardwareId(salt));
    } catch (error) {
      const notAccepted = verdictOf(error) === 'identity';
      if (!notAccepted || registrationKey === undefined) throw error;
      await this.#registerOver(session.connect(undefined), registrationKey, this.#hardwareId(salt));
    }
    await store.dropNext();
    await forget();
    await store.saveReenrolment({ salt, at, done: true, leaving });
    log.warn('This machine is a clone; it goes on as an agent of its own', {
      old_agent_id: old.agent_id,
      agent_id: session.agentId,
    });
  }

  /** Ends a change of identity after whose answer the agent died: what it holds is still the old one's. */
  async finishReenrolment(identity: Identity, forget: () => Promise<void>): Promise<void> {
    const last = await this.#options.store.loadReenrolment();
    if (last?.leaving === undefined || last.done || last.leaving === identity.agent_id) return;
    this.#options.log.warn('The queue of an identity that was left is dropped', { agent_id: last.leaving });
    await forget();
    await this.#options.store.saveReenrolment({ ...last, done: true });
  }

  /** Whether the present certificate has run out. */
  hasExpired(): boolean {
    return validityOf(this.#options.session.identity.certificate).to <= this.#now();
  }

  /**
   * Renews the certificate, under a new key, when less than a third of its life is left. The new one takes the
   * old one's place only after the platform has answered under it.
   */
  async renewIfDue(): Promise<void> {
    const { store, session, log } = this.#options;
    let next = await store.loadNext();
    if (next === undefined) {
      if (!isRenewalDue(validityOf(session.identity.certificate), this.#now())) return;
      const { hostname } = await this.#options.describe();
      const { privateKey, csr } = await makeKey(hostname, session.agentId);
      next = this.#with(session.identity, privateKey, await session.client.renew(session.agentId, csr));
      await store.saveNext(next);
    }
    const connection = session.connect(next);
    try {
      await connection.client.probe(next.agent_id);
    } catch (error) {
      void connection.dispatcher.close().catch(() => undefined);
      if (verdictOf(error) !== 'retry') await store.dropNext();
      throw new Error('The renewed certificate could not be proven', { cause: error });
    }
    await store.save(next);
    await store.dropNext();
    session.adopt(next, connection);
    log.info('Certificate renewed', { not_after: next.not_after });
  }

  #hardwareId(salt?: string): string {
    const { fingerprint, hardwareId: configured } = this.#options;
    if (configured === undefined) return hardwareId(fingerprint, salt);
    return salt === undefined ? configured : `${configured.slice(0, 100)}.${salt}`;
  }

  #with(identity: Identity, privateKey: string, issued: IssuedCertificate): Identity {
    const { certificate, ca_chain, not_after } = issued;
    return { ...identity, private_key: privateKey, certificate, ca_chain, not_after };
  }

  async #registerOver(connection: Connection, key: string, hardware: string): Promise<void> {
    try {
      await this.#register(connection, key, hardware);
    } finally {
      void connection.dispatcher.close().catch(() => undefined);
    }
  }

  async #register({ client }: Connection, key: string, hardware: string): Promise<void> {
    const { store, session, fingerprint } = this.#options;
    const description = await this.#options.describe();
    const { privateKey, csr } = await makeKey(description.hostname);
    const answer = await client.register({
      ...description,
      registration_key: key,
      csr,
      hardware_id: hardware,
    });
    const { agent_id, certificate, ca_chain, not_after, configuration } = answer;
    const identity: Identity = {
      agent_id,
      private_key: privateKey,
      certificate,
      ca_chain,
      not_after,
      hardware_id: hardware,
      fingerprint,
      configuration,
    };
    await store.save(identity);
    session.adopt(identity);
  }
}
