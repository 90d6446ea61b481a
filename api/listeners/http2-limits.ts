import {
  constants,
  type Http2SecureServer,
  type Http2ServerRequest,
  type ServerHttp2Stream,
} from 'node:http2';

export interface Http2Limits {
  /** Silence after which a connection is ended, in milliseconds. */
  readonly idleMs: number;
  /** Silence in the middle of a request's body that ends its stream. */
  readonly stallMs: number;
  /** Longest that a body may take as a whole. */
  readonly bodyMs: number;
}

/** Streams that one connection may have open; agents use one or two. */
export const MAX_STREAMS = 32;

/** Ends what callers leave lying open: silent connections, and requests whose bodies do not come. */
export function limitHttp2(server: Http2SecureServer, limits: Http2Limits): void {
  server.setTimeout(limits.idleMs);
  server.on('request', (request: Http2ServerRequest) => {
    if (request.httpVersionMajor !== 2 || request.stream.endAfterHeaders) return;
    limitBodyTime(request.stream, limits);
  });
}

function limitBodyTime(stream: ServerHttp2Stream, { stallMs, bodyMs }: Http2Limits): void {
  const giveUp = () => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_CANCEL);
  };
  stream.setTimeout(stallMs, giveUp);
  const deadline = setTimeout(giveUp, bodyMs);
  deadline.unref();
  const done = () => {
    clearTimeout(deadline);
    if (!stream.destroyed) stream.setTimeout(0);
  };
  stream.once('end', done);
  stream.once('close', done);
}
