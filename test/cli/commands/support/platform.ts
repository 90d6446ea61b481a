import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { ErrorCode } from '../../../../contracts/http/errors.ts';
import { aProblem } from './samples.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cut the connection instead. */
  readonly hangUp?: boolean;
  /** Cut the connection after the body. */
  readonly cut?: boolean;
}
type Handler = (seen: Seen) => Reply;

export const TOKEN = 'eucora_test-token';
const API = '/api/v1';

export const refuse = (code: ErrorCode, changes: Parameters<typeof aProblem>[1] = {}): Reply => {
  const problem = aProblem(code, changes);
  return { status: problem.status, json: problem };
};

export const pageWith = (items: readonly unknown[], next_cursor: string | null = null): Reply => ({
  json: { items, next_cursor },
});

/** A real HTTP server that speaks by the contracts, and checks that it is spoken to by them. */
export class FakePlatform {
  readonly seen: Seen[] = [];
  /** Called when the head of a request has come, before its body is read. */
  onHead: () => void = () => {};
  readonly #server: Server;
  readonly #handlers = new Map<string, Handler>();

  private constructor() {
    this.#server = createServer(async (request, response) => {
      this.onHead();
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(Buffer.from(chunk));
      } catch {
        // Whoever sent it broke off, and hears no answer.
        return;
      }
      const url = new URL(request.url ?? '/', 'http://localhost');
      const seen: Seen = {
        method: request.method ?? '',
        path: url.pathname.slice(API.length),
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      this.seen.push(seen);
      const reply = this.#answer(seen);
      if (reply.hangUp === true) {
        request.socket.destroy();
        return;
      }
      const body = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
      response.writeHead(reply.status ?? 200, { 'x-correlation-id': 'corr-answer', ...reply.headers });
      if (reply.cut === true) response.write(body, () => request.socket.destroy());
      else response.end(body);
    });
  }

  static async start(): Promise<FakePlatform> {
    const platform = new FakePlatform();
    await new Promise<void>((resolve) => platform.#server.listen(0, '127.0.0.1', resolve));
    return platform;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Forgets handlers and what was seen. */
  reset(): void {
    this.seen.length = 0;
    this.#handlers.clear();
    this.onHead = () => {};
  }

  on(route: string, handler: Handler | Reply): void {
    this.#handlers.set(route, typeof handler === 'function' ? handler : () => handler);
  }

  /** A list that refuses query parts which the contract does not know. */
  list(path: string, query: z.ZodObject, reply: Handler | Reply): void {
    this.on(`GET ${path}`, (seen) => {
      const checked = z.strictObject(query.shape).safeParse(seen.query);
      if (!checked.success) return refuse('validation-failed', { detail: z.prettifyError(checked.error) });
      return typeof reply === 'function' ? reply(seen) : reply;
    });
  }

  /** Answers one reply after the other; the last one for good. */
  sequence(route: string, replies: readonly Reply[]): void {
    let at = 0;
    this.on(route, () => {
      const reply = replies[Math.min(at, replies.length - 1)];
      at += 1;
      return reply ?? {};
    });
  }

  bodies<T>(schema: z.ZodType<T>): T[] {
    return this.seen.filter(({ body }) => body !== '').map(({ body }) => schema.parse(JSON.parse(body)));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(seen: Seen): Reply {
    if (seen.path !== '/ca-certificate' && seen.headers.authorization !== `Bearer ${TOKEN}`) {
      return refuse('unauthenticated');
    }
    const handler = this.#handlers.get(`${seen.method} ${seen.path}`);
    return handler === undefined ? refuse('not-found') : handler(seen);
  }
}
