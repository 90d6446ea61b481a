import { Agent, type Dispatcher } from 'undici';

export interface TransportOptions {
  /** PEM of the CA that alone is trusted; left out, the system's own are. */
  readonly ca?: string | undefined;
  /** Client certificate and its key, PEM. */
  readonly certificate?: string;
  readonly privateKey?: string;
  readonly http2?: boolean;
  readonly connections?: number;
  readonly timeoutMs?: number;
}

/** Longer than the usual heartbeat interval, so that one handshake serves many; the server may ask for less. */
const KEEP_ALIVE_MS = 90_000;

/** Kept-alive connections with mutual TLS; TLS sessions are resumed. HTTP/1.1 costs less than HTTP/2 in Node. */
export function createTransport(options: TransportOptions = {}): Dispatcher {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Agent({
    connections: options.connections ?? 4,
    allowH2: options.http2 ?? false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 600_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: {
      timeout: Math.min(timeoutMs, 10_000),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.certificate === undefined ? {} : { cert: options.certificate }),
      ...(options.privateKey === undefined ? {} : { key: options.privateKey }),
    },
  });
}
