import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Exchange } from './exchange.ts';
import { Http1Exchange } from './http1.ts';
import { Http2Exchange } from './http2.ts';

export type Protocol = 'http1' | 'mtls_http1' | 'mtls_http2';

export interface Target {
  readonly protocol: Protocol;
  readonly port: number;
  /** Where connections come from: each address has some 28,000 ports. Default 127.0.0.1. */
  readonly localAddress?: string;
}

export interface ClientIdentity {
  readonly ca: string;
  /** None: an agent that is not enrolled yet. */
  readonly cert?: string;
  readonly key?: string;
}

/** One connection that carries one request at a time. */
export class Connection {
  readonly #socket: Socket;
  readonly #exchange: Exchange;
  #answered: ((status: number) => void) | undefined;
  #error: Error | undefined;

  private constructor(socket: Socket, exchange: Exchange) {
    this.#socket = socket;
    this.#exchange = exchange;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('The connection was closed')));
    if (exchange.opening !== undefined) socket.write(exchange.opening);
  }

  static async open(target: Target, identity: ClientIdentity): Promise<Connection> {
    const { protocol, port, localAddress = '127.0.0.1' } = target;
    const where = { host: '127.0.0.1', port, localAddress };
    const isHttp2 = protocol === 'mtls_http2';
    const socket =
      protocol === 'http1'
        ? connectTcp(where)
        : connectTls({
            ...where,
            ...identity,
            servername: 'localhost',
            ALPNProtocols: [isHttp2 ? 'h2' : 'http/1.1'],
          });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once(protocol === 'http1' ? 'connect' : 'secureConnect', () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new Connection(socket, isHttp2 ? new Http2Exchange() : new Http1Exchange());
  }

  get broken(): boolean {
    return this.#error !== undefined;
  }

  /** Sends a request; `answered` is called once, with the status, or with 0 when the connection broke. */
  send(request: Buffer, answered: (status: number) => void): void {
    if (this.#error !== undefined) {
      answered(0);
      return;
    }
    this.#answered = answered;
    this.#socket.write(this.#exchange.frame(request));
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let status: number;
    try {
      status = this.#exchange.take(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
      return;
    }
    const pending = this.#exchange.pending?.();
    if (pending !== undefined) this.#socket.write(pending);
    if (status === 0) return;
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(status);
  }

  #end(error: Error): void {
    this.#error ??= error;
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(0);
  }
}
