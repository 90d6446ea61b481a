import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import type { z } from 'zod';
import { type Page, pageOf } from '../../contracts/http/common.ts';
import type { Connection } from './connection.ts';
import { CliError } from './errors.ts';
import { type Answer, type HttpRequest, NetworkError, receive, refusal, send, understand } from './http.ts';
import type { Io } from './io.ts';

/** Pauses before the further attempts of a request that may be repeated. */
const PAUSES_MS = [250, 1_000, 2_500];
const BUSY = new Set([502, 503, 504]);
const NEVER = (): boolean => false;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
type Call = Pick<HttpRequest, 'method' | 'json' | 'upload' | 'idempotencyKey'> & {
  readonly path: string;
  readonly query?: Query;
  readonly anonymous?: boolean;
};

/** The operator API as the commands see it. */
export class Api {
  readonly correlationId: string;
  readonly #io: Io;
  readonly #connection: Connection;
  readonly #dispatcher = new Agent({ connect: { timeout: 10_000 } });

  constructor(io: Io, connection: Connection, correlationId: string) {
    this.#io = io;
    this.#connection = connection;
    this.correlationId = correlationId;
  }

  async get<T>(path: string, schema: z.ZodType<T>, query: Query = {}): Promise<T> {
    return understand(await this.#call({ method: 'GET', path, query }), schema);
  }

  page<T>(path: string, item: z.ZodType<T>, query: Query): Promise<Page<T>> {
    return this.get(path, pageOf(item), query);
  }

  /** `repeatable`: the platform knows the idempotency key of this path, so that it may be sent again. */
  async post<T>(
    path: string,
    schema: z.ZodType<T>,
    json?: unknown,
    options: { query?: Query; repeatable?: boolean } = {},
  ): Promise<T> {
    const idempotencyKey = options.repeatable === true ? randomUUID() : undefined;
    const query = options.query ?? {};
    return understand(await this.#call({ method: 'POST', path, json, query, idempotencyKey }), schema);
  }

  async patch<T>(path: string, schema: z.ZodType<T>, json: unknown): Promise<T> {
    return understand(await this.#call({ method: 'PATCH', path, json }), schema);
  }

  async delete(path: string): Promise<void> {
    const answer = await this.#call({ method: 'DELETE', path });
    if (answer.status < 200 || answer.status > 299) throw refusal(answer);
  }

  async upload<T>(
    path: string,
    schema: z.ZodType<T>,
    query: Query,
    upload: { open: () => Readable; bytes: number },
  ): Promise<T> {
    return understand(await this.#call({ method: 'POST', path, query, upload }), schema);
  }

  /** A document byte for byte, as text. */
  async document(path: string): Promise<string> {
    const answer = await this.#call({ method: 'GET', path });
    if (answer.status !== 200) throw refusal(answer);
    return answer.body;
  }

  /** Has `take` read what lies at a path, as it comes in; called anew where the connection was cut. */
  async download(path: string, take: (body: Readable) => Promise<void>): Promise<void> {
    const call = { method: 'GET', path } as const;
    await this.#repeating(call, (request) => receive(request, take), NEVER);
  }

  /** Text that needs no credentials. */
  async text(path: string): Promise<string> {
    const answer = await this.#call({ method: 'GET', path, anonymous: true });
    if (answer.status !== 200) throw refusal(answer);
    return answer.body;
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  #call(call: Call): Promise<Answer> {
    return this.#repeating(call, send, ({ status }) => BUSY.has(status));
  }

  /** Sends a request, and again where that may be and can help. */
  async #repeating<T>(
    call: Call,
    exchange: (request: HttpRequest) => Promise<T>,
    isBusy: (answer: T) => boolean,
  ): Promise<T> {
    const url = new URL(`${this.#connection.base}${call.path}`);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const token = call.anonymous === true ? undefined : await this.#connection.token();
    const repeatable = call.method === 'GET' || call.idempotencyKey !== undefined;
    for (let attempt = 0; ; attempt += 1) {
      const pause = repeatable ? PAUSES_MS[attempt] : undefined;
      try {
        const answer = await exchange({
          ...call,
          url: url.href,
          token,
          correlationId: this.correlationId,
          dispatcher: this.#dispatcher,
          signal: this.#io.signal,
        });
        if (pause === undefined || !isBusy(answer)) return answer;
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        if (pause === undefined) throw this.#unreachable(error, repeatable);
      }
      await this.#io.sleep(pause);
    }
  }

  #unreachable(error: NetworkError, repeatable: boolean): CliError {
    const look = `It may have been done all the same: look before you repeat it, for example with \`eucora audit list --correlation ${this.correlationId}\`.`;
    return new CliError(
      'unavailable',
      {
        title: `The platform at ${new URL(this.#connection.base).origin} was not reached`,
        detail: error.message,
        hint:
          repeatable || error.message === 'ECONNREFUSED'
            ? 'Is it running, and is the address right (--api)?'
            : look,
        correlation_id: this.correlationId,
      },
      error,
    );
  }
}
