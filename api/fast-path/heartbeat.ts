import type { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type HeartbeatRequest, heartbeatRequestSchema } from '../../contracts/agent/heartbeat.ts';
import { CORRELATION_ID_HEADER } from '../../contracts/http/common.ts';
import type { ApiDependencies } from '../context.ts';
import { correlationIdOf } from '../middleware/correlation.ts';
import { createObserver } from '../middleware/observe.ts';
import { takePoint } from '../middleware/rate-limit.ts';
import { HEARTBEAT_PATH } from '../routes/agent/heartbeat.ts';
import { type FoundOut, foundOut } from './found-out.ts';

export type Incoming = IncomingMessage | Http2ServerRequest;
export type Outgoing = ServerResponse | Http2ServerResponse;
export type RequestHandler = (incoming: Incoming, outgoing: Outgoing) => unknown;

const PATH =
  /^\/api\/v1\/agents\/([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\/heartbeat$/;
const HOST = /^[a-z0-9._-]+(?::\d{1,4})?$/;
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i;
const CORRELATION = CORRELATION_ID_HEADER.toLowerCase();
/** As the router names it. */
const ROUTE = HEARTBEAT_PATH.replace('{id}', ':id');
/** Less than Node buffers of a body that nobody reads yet. */
const ORDINARY_BYTES = 8_192;

/**
 * Answers ordinary heartbeats that go well, without web requests, routing and middleware: nine tenths of all that the
 * agents' listener hears. Whatever is out of the ordinary, in form or outcome, goes to the routes, together with what
 * was found out by then, and is answered there; so nothing is refused here, and nobody can tell the two ways apart.
 */
export function createHeartbeatFastPath(deps: ApiDependencies, routes: RequestHandler): RequestHandler {
  const observed = createObserver('agent', deps.logger, deps.metrics);
  const { checkIns } = deps.stores.presence;
  const next_heartbeat_seconds = deps.config.EUCORA_HEARTBEAT_INTERVAL_SECONDS;

  async function hear(incoming: Incoming, outgoing: Outgoing, agentId: string): Promise<unknown> {
    const began = performance.now();
    const tell = (status: number, correlationId: string): void =>
      observed({
        method: 'POST',
        path: incoming.url ?? '',
        route: ROUTE,
        status,
        seconds: (performance.now() - began) / 1_000,
        correlationId,
        agentId,
      });
    const leaveTo = (found: FoundOut): unknown => {
      foundOut.set(incoming, found);
      return routes(incoming, outgoing);
    };
    const limited = await takePoint(deps.limits.agentRequests, agentId);
    if (limited !== undefined) return leaveTo({ limited });
    const body = await wholeBody(incoming);
    // It broke off: nobody is there to be answered.
    if (body === undefined) return tell(400, correlationIdOf(headerOf(incoming, CORRELATION)));
    const heartbeat = parse(body);
    // Where the routes look for a body that was read already.
    Object.assign(incoming, { rawBody: body });
    if (heartbeat === undefined) return leaveTo({ limited });
    const heard = checkIns.checkIn({ agentId, heartbeat });
    // What fails is told by the route, which waits for the same promise.
    const answer = await heard.catch(() => undefined);
    if (answer?.kind !== 'accepted') return leaveTo({ limited, heard });
    const correlationId = correlationIdOf(headerOf(incoming, CORRELATION));
    const text = JSON.stringify({
      status: answer.status,
      pending_tasks: answer.tasks,
      next_heartbeat_seconds,
    });
    (outgoing as ServerResponse).writeHead(200, {
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      [CORRELATION]: correlationId,
      'Content-Length': Buffer.byteLength(text),
    });
    outgoing.end(text);
    return tell(200, correlationId);
  }

  async function handle(incoming: Incoming, outgoing: Outgoing): Promise<unknown> {
    const agentId = ordinaryHeartbeat(incoming);
    if (agentId === undefined) return routes(incoming, outgoing);
    const known = deps.peers.ofRequest(incoming);
    const peer = known instanceof Promise ? await known : known;
    if (peer.kind !== 'agent' || peer.agentId !== agentId) return routes(incoming, outgoing);
    return hear(incoming, outgoing, agentId);
  }

  return (incoming, outgoing) =>
    handle(incoming, outgoing).catch((error: unknown) => {
      deps.logger.error({ err: error }, 'A request failed');
      incoming.destroy();
    });
}

/** The agent that the path names, if the request has the form that agents give it. */
function ordinaryHeartbeat(incoming: Incoming): string | undefined {
  if (incoming.method !== 'POST') return undefined;
  const agentId = PATH.exec(incoming.url ?? '')?.[1];
  if (agentId === undefined) return undefined;
  const { headers } = incoming;
  const host = incoming instanceof Http2ServerRequest ? incoming.authority : headers.host;
  const length = Number(headers['content-length'] ?? Number.NaN);
  const ordinary =
    HOST.test(host ?? '') &&
    JSON_TYPE.test(headers['content-type'] ?? '') &&
    length > 0 &&
    length <= ORDINARY_BYTES &&
    headers['transfer-encoding'] === undefined;
  return ordinary ? agentId : undefined;
}

/** The body when it is here as a whole; undefined when it broke off. Until then it stays unread. */
function wholeBody(incoming: Incoming): Promise<Buffer | undefined> | Buffer | undefined {
  const length = Number(incoming.headers['content-length']);
  if (incoming.destroyed) return undefined;
  if (incoming.readableLength === length) return incoming.read() as Buffer;
  return new Promise((resolve) => {
    const done = (body: Buffer | undefined): void => {
      incoming.off('readable', look);
      incoming.off('close', giveUp);
      incoming.off('error', giveUp);
      resolve(body);
    };
    const look = (): void => {
      if (incoming.readableLength === length) done(incoming.read() as Buffer);
    };
    const giveUp = (): void => done(undefined);
    incoming.on('readable', look);
    incoming.on('close', giveUp);
    incoming.on('error', giveUp);
  });
}

function headerOf(incoming: Incoming, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function parse(body: Buffer): HeartbeatRequest | undefined {
  try {
    return heartbeatRequestSchema.safeParse(JSON.parse(body.toString())).data;
  } catch {
    return undefined;
  }
}
