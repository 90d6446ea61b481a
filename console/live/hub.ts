import { createHash } from 'node:crypto';
import { identitySchema } from '../../contracts/access/access.ts';
import { type AuditEvent, auditEventSchema } from '../../contracts/audit/audit.ts';
import type { Api } from '../api.ts';
import { ApiProblem } from '../problem.ts';

/** What a stream carries: the part of a page that a topic names, as it is now. */
export interface LiveMessage {
  readonly topic: string;
  /** Names the content; a reader that comes back with it has missed nothing. */
  readonly version: string;
  readonly html: string;
}

export interface Subscriber {
  readonly api: Api;
  readonly token: string;
  readonly topics: readonly string[];
  /** Takes a message at once, whatever the reader's speed. */
  offer(message: LiveMessage): void;
  /** The credentials no longer hold. */
  end(): void;
}

/** A kind of topic: `name` or `name:id`. */
export interface LiveTopic {
  /** Whether what was audited may change what the topic shows. */
  readonly concerns: (event: AuditEvent, id: string) => boolean;
  readonly render: (api: Api, id: string) => Promise<string>;
  /** Whether what was rendered last may change without being audited: then it is looked at with every tick. */
  readonly restless?: (html: string) => boolean;
}

const TICK_MS = 1_000;
const RECHECK_MS = 60_000;
const LOOK_BACK = 200;

/**
 * Tells open pages of changes. Every change of state is audited, so one look at the newest audit events a second
 * tells which topics have changed; each is then read and rendered once, for all who watch it. It reads in the name of
 * one of them, and of the next when that one's token has ended.
 */
export class LiveHub {
  readonly #kinds: ReadonlyMap<string, LiveTopic>;
  readonly #subscribers = new Set<Subscriber>();
  readonly #latest = new Map<string, LiveMessage>();
  readonly #checkedAt = new Map<string, number>();
  /** Topics whose last change could not be read: no further event may come, so each tick tries again. */
  readonly #missed = new Set<string>();
  readonly #tickMs: number;
  readonly #recheckMs: number;
  #seen: ReadonlySet<string> | undefined;
  #running = false;
  /** Looks at the database since the start; a thousand readers cost what one does. */
  reads = 0;

  constructor(kinds: Readonly<Record<string, LiveTopic>>, tickMs = TICK_MS, recheckMs = RECHECK_MS) {
    this.#kinds = new Map(Object.entries(kinds));
    this.#tickMs = tickMs;
    this.#recheckMs = recheckMs;
  }

  knows(topic: string): boolean {
    return this.#kinds.has(split(topic).kind);
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** @returns what ends the subscription */
  subscribe(subscriber: Subscriber, known: string | undefined): () => void {
    this.#subscribers.add(subscriber);
    for (const topic of subscriber.topics) {
      const latest = this.#latest.get(topic);
      if (latest !== undefined && latest.version !== known) subscriber.offer(latest);
    }
    void this.#run();
    return () => {
      this.#subscribers.delete(subscriber);
      this.#forget();
    };
  }

  /** Ends all streams; browsers come back to another replica. */
  close(): void {
    for (const subscriber of this.#subscribers) subscriber.end();
    this.#subscribers.clear();
    this.#forget();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#subscribers.size > 0) {
        await this.#tick();
        await new Promise((resolve) => setTimeout(resolve, this.#tickMs));
      }
    } finally {
      this.#running = false;
      this.#seen = undefined;
    }
  }

  async #tick(): Promise<void> {
    await this.#recheck();
    const events = await this.#asSomebody((api) =>
      api.page('/audit-events', auditEventSchema, { limit: LOOK_BACK }),
    );
    if (events === undefined) return;
    const before = this.#seen;
    this.#seen = new Set(events.items.map(({ id }) => id));
    const news = events.items.filter(({ id }) => before?.has(id) !== true);
    // More has happened than one look shows, or this is the first: everything may have changed.
    const unsure = before === undefined || news.length === events.items.length;
    const topics = new Set([...this.#subscribers].flatMap(({ topics }) => topics));
    for (const topic of topics) {
      const { kind, id } = split(topic);
      const handler = this.#kinds.get(kind);
      if (handler === undefined) continue;
      const latest = this.#latest.get(topic);
      const due =
        unsure ||
        this.#missed.has(topic) ||
        latest === undefined ||
        handler.restless?.(latest.html) === true ||
        news.some((event) => handler.concerns(event, id));
      if (due) await this.#publish(topic, (api) => handler.render(api, id));
    }
  }

  async #publish(topic: string, render: (api: Api) => Promise<string>): Promise<void> {
    const html = await this.#asSomebody(render);
    if (html === undefined) {
      this.#missed.add(topic);
      return;
    }
    this.#missed.delete(topic);
    const version = createHash('sha256').update(html).digest('base64url').slice(0, 16);
    if (this.#latest.get(topic)?.version === version) return;
    const message = { topic, version, html };
    this.#latest.set(topic, message);
    for (const subscriber of this.#subscribers) {
      if (subscriber.topics.includes(topic)) subscriber.offer(message);
    }
  }

  /** Undefined when it failed for another reason than somebody's credentials: the next tick tries again. */
  async #asSomebody<T>(read: (api: Api) => Promise<T>): Promise<T | undefined> {
    for (const subscriber of this.#subscribers) {
      try {
        this.reads += 1;
        return await read(subscriber.api);
      } catch (error) {
        if (!isRefused(error)) return undefined;
        this.#expel(subscriber.token);
      }
    }
    return undefined;
  }

  /** A token that was revoked must not go on reading by means of others: each is looked at once a minute. */
  async #recheck(): Promise<void> {
    const now = Date.now();
    for (const { token, api } of new Map([...this.#subscribers].map((one) => [one.token, one])).values()) {
      const checked = this.#checkedAt.get(token);
      if (checked !== undefined && now - checked < this.#recheckMs) continue;
      this.#checkedAt.set(token, now);
      // Just subscribed: the stream's own request was checked.
      if (checked === undefined) continue;
      await api.get('/whoami', identitySchema).catch((error: unknown) => {
        if (isRefused(error)) this.#expel(token);
      });
    }
  }

  #expel(token: string): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.token !== token) continue;
      this.#subscribers.delete(subscriber);
      subscriber.end();
    }
    this.#forget();
  }

  #forget(): void {
    const topics = new Set([...this.#subscribers].flatMap(({ topics }) => topics));
    for (const kept of [this.#latest, this.#missed])
      for (const topic of kept.keys()) if (!topics.has(topic)) kept.delete(topic);
    const tokens = new Set([...this.#subscribers].map(({ token }) => token));
    for (const token of this.#checkedAt.keys()) if (!tokens.has(token)) this.#checkedAt.delete(token);
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof ApiProblem && (error.problem.status === 401 || error.problem.status === 403);
}

function split(topic: string): { kind: string; id: string } {
  const at = topic.indexOf(':');
  return at < 0 ? { kind: topic, id: '' } : { kind: topic.slice(0, at), id: topic.slice(at + 1) };
}
