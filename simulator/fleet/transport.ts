import { type Dispatcher, Pool } from 'undici';

/** An answer of the platform, or why there was none. */
export type Reply =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface Call {
  readonly method: 'POST' | 'GET';
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string | null;
}

/** How a virtual agent reaches the platform. */
export interface Transport {
  send(agent: Reachable, call: Call, done: (reply: Reply) => void): void;
  /** The agent's line is cut: nothing of it stays open. */
  hangUp(agent: Reachable): void;
  close(): Promise<void>;
}

/** What a transport must know of an agent. */
export interface Reachable {
  readonly index: number;
  /** DER of its client certificate. */
  readonly certificate: Buffer;
  readonly keyIndex: number;
}

const HEADERS_TIMEOUT_MS = 30_000;
/** At a time; more wait in line, which counts as latency. */
const CONNECTIONS = 128;

/**
 * All agents over few kept-alive connections, as a proxy that ends their TLS speaks for them: each request carries its
 * agent's certificate in the `Client-Cert` header of RFC 9440.
 */
export class ProxyTransport implements Transport {
  readonly #pool: Pool;
  readonly #headers = new WeakMap<Reachable, string>();

  constructor(origin: string, connections = CONNECTIONS) {
    this.#pool = new Pool(origin, {
      connections,
      pipelining: 1,
      headersTimeout: HEADERS_TIMEOUT_MS,
      bodyTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: 120_000,
    });
  }

  send(agent: Reachable, call: Call, done: (reply: Reply) => void): void {
    let header = this.#headers.get(agent);
    if (header === undefined) {
      header = `:${agent.certificate.toString('base64')}:`;
      this.#headers.set(agent, header);
    }
    this.#pool.dispatch(
      {
        ...call,
        origin: '',
        headers: [...call.headers, 'client-cert', header],
      } as Dispatcher.DispatchOptions,
      new ReplyHandler(done),
    );
  }

  hangUp(): void {}

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Collects one answer. The rawest interface of the library: no streams, no header objects. */
export class ReplyHandler implements Dispatcher.DispatchHandler {
  readonly #done: (reply: Reply) => void;
  #status = 0;
  readonly #chunks: Buffer[] = [];

  constructor(done: (reply: Reply) => void) {
    this.#done = done;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [only] = this.#chunks;
    const whole = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#done({ kind: 'answered', status: this.#status, body: whole.toString('utf8') });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    this.#done({ kind: 'unreachable', reason: code ?? error.message });
  }
}
