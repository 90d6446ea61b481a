import type { z } from 'zod';
import { CORRELATION_ID_HEADER, type Page, pageOf } from '../contracts/http/common.ts';
import { ApiProblem } from './problem.ts';

/** Sends a request to the operator API. */
export type Send = (path: string, init: RequestInit) => Response | Promise<Response>;
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The operator API as pages see it: in the name of one operator, so that the console can do nothing that its user
 * could not do without it.
 */
export class Api {
  readonly #send: Send;
  readonly #token: string;
  readonly #correlationId: string | undefined;

  constructor(send: Send, token: string, correlationId?: string) {
    this.#send = send;
    this.#token = token;
    this.#correlationId = correlationId;
  }

  async get<T>(path: string, schema: z.ZodType<T>, query: Query = {}): Promise<T> {
    return schema.parse(await (await this.#call('GET', withQuery(path, query))).json());
  }

  page<T>(path: string, item: z.ZodType<T>, query: Query): Promise<Page<T>> {
    return this.get(path, pageOf(item), query);
  }

  async post<T>(path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    return schema.parse(await (await this.#call('POST', path, body)).json());
  }

  async patch<T>(path: string, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return schema.parse(await (await this.#call('PATCH', path, body)).json());
  }

  /** An answer as it comes, byte for byte, to be handed on. */
  raw(path: string): Promise<Response> {
    return this.#call('GET', path);
  }

  async delete(path: string): Promise<void> {
    await this.#call('DELETE', path);
  }

  async #call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await this.#send(`/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(this.#correlationId === undefined ? {} : { [CORRELATION_ID_HEADER]: this.#correlationId }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await ApiProblem.of(response);
    return response;
  }
}

/** The path with those parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}
