import { createServer, type Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { RequestHandler } from '../fast-path/heartbeat.ts';
import { type Http2Limits, limitHttp2 } from './http2-limits.ts';

export interface Listener {
  readonly port: number;
  /** Takes no new connection and resolves when the requests under way are answered. */
  close(): Promise<void>;
}

/** Idle connections are kept longer than agents' heartbeat interval, so that a heartbeat needs no handshake. */
const KEEP_ALIVE_MS = 150_000;
const HEADERS_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 600_000;
/** Silence that ends a connection: longer than an idle one is kept, and than a large file takes to reach the disk. */
const SILENCE_MS = 180_000;
const HTTP2_LIMITS: Http2Limits = { idleMs: SILENCE_MS, stallMs: 30_000, bodyMs: 300_000 };
const DRAIN_MS = 10_000;

/** Serves plain HTTP/1.1. A request may take as long as it needs, if only something goes on. */
export function listenHttp(
  handle: RequestHandler,
  host: string,
  port: number,
  silenceMs = SILENCE_MS,
): Promise<Listener> {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Uploads of large artifacts over slow lines take hours.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.setTimeout(silenceMs);
  return listen(server, handle, host, port, () => undefined);
}

/** Serves the agents' TLS server. */
export function listenTls(
  handle: RequestHandler,
  tls: { server: Http2SecureServer; drain(): void },
  host: string,
  port: number,
  limits = HTTP2_LIMITS,
): Promise<Listener> {
  limitHttp2(tls.server, limits);
  Object.assign(tls.server, {
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  return listen(tls.server, handle, host, port, tls.drain);
}

async function listen(
  server: Server,
  handle: RequestHandler,
  host: string,
  port: number,
  drain: () => void,
): Promise<Listener> {
  server.on('request', handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server as HttpServer, drain),
  };
}

function close(
  server: Partial<Pick<HttpServer, 'closeIdleConnections' | 'closeAllConnections'>> & Server,
  drain: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    drain();
    server.closeIdleConnections?.();
    const idle = setInterval(() => server.closeIdleConnections?.(), 100);
    const force = setTimeout(() => {
      server.closeAllConnections?.();
      resolve();
    }, DRAIN_MS);
    server.once('close', () => {
      clearInterval(idle);
      clearTimeout(force);
    });
  });
}
