import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type ServerHttp2Session,
} from 'node:http2';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Config } from '../../contracts/config.ts';
import type { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { MAX_STREAMS } from './http2-limits.ts';

/** Renewed when less than this is left, in milliseconds. */
const RENEW_BEFORE_MS = 30 * 86_400_000;
const CHECK_EVERY_MS = 12 * 3_600_000;
const HANDSHAKE_MS = 30_000;

export interface AgentTlsServer {
  readonly server: Http2SecureServer;
  /** Ends connections when what is under way on them has been answered. */
  drain(): void;
}

/**
 * The agents' listener: mutual TLS, HTTP/2 and HTTP/1.1, sessions resumed by tickets that all replicas can read.
 * A missing or foreign client certificate is let through the handshake, so that the API can answer and audit it.
 */
export async function createAgentTlsServer(
  config: Config,
  authority: CertificateAuthority,
): Promise<AgentTlsServer> {
  const names = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...config.EUCORA_AGENT_TLS_NAMES])];
  let current = await authority.issueServerCertificate(names);
  const server = createSecureServer({
    key: current.key,
    cert: current.certificate,
    ca: [authority.certificatePem],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    allowHTTP1: true,
    sessionIdContext: 'eucora-agents',
    ticketKeys: await readTicketKeys(config),
    sessionTimeout: 86_400,
    handshakeTimeout: HANDSHAKE_MS,
    settings: { maxConcurrentStreams: MAX_STREAMS },
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  const endHttp1 = trackHttp1(server);
  // Connections that break during the handshake are everyday life with agents on laptops.
  server.on('sessionError', () => undefined);
  const renewal = setInterval(async () => {
    if (current.notAfter.getTime() - Date.now() > RENEW_BEFORE_MS) return;
    current = await authority.issueServerCertificate(names);
    server.setSecureContext({ key: current.key, cert: current.certificate, ca: [authority.certificatePem] });
  }, CHECK_EVERY_MS);
  renewal.unref();
  return {
    server,
    drain: () => {
      clearInterval(renewal);
      for (const session of sessions) session.close();
      endHttp1();
    },
  };
}

/**
 * An HTTP/2 server does not know which of its HTTP/1.1 connections are idle.
 *
 * @returns a function that ends those that are, and the others after their answer
 */
function trackHttp1(server: Http2SecureServer): () => void {
  const idle = new Set<TLSSocket>();
  let draining = false;
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') return;
    idle.add(socket);
    socket.once('close', () => idle.delete(socket));
  });
  server.on('request', (request: Http2ServerRequest | IncomingMessage, response: Writable) => {
    if (request.httpVersionMajor !== 1) return;
    const socket = request.socket as TLSSocket;
    idle.delete(socket);
    response.once('close', () => {
      if (draining) socket.end();
      else if (!socket.destroyed) idle.add(socket);
    });
  });
  return () => {
    draining = true;
    for (const socket of idle) socket.destroy();
  };
}

/** 48 bytes that all replicas share. */
export async function readTicketKeys(config: Config): Promise<Buffer> {
  const path = config.EUCORA_TLS_TICKET_KEYS_FILE ?? join(config.EUCORA_DATA_DIR, 'tls-ticket-keys');
  const keys = await readFile(path);
  if (keys.length !== 48) throw new Error(`${path} must hold exactly 48 bytes`);
  return keys;
}
