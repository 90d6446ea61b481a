import type { Exchange, Post } from './exchange.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TYPE = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;
const HEAD = 9;
const LARGEST_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;
/** HPACK's static table: where the statuses begin that it knows whole. */
const STATUSES = [200, 204, 206, 304, 400, 404, 500];

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A length of HPACK: 7 bits, then groups of 7. */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A header as literal that no table keeps, so that every request stands by itself. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.of(0),
    hpackLength(name.length),
    Buffer.from(name),
    hpackLength(value.length),
    Buffer.from(value),
  ]);
}

/** A request of HTTP/2 as its frames; the number of the stream is filled in when it is sent. */
export function renderHttp2({ path, headers, body }: Post): Buffer {
  const block = Buffer.concat([
    Buffer.of(0x83, 0x87), // :method POST, :scheme https
    literal(':path', path),
    literal(':authority', 'localhost'),
    literal('content-type', 'application/json'),
    literal('content-length', String(Buffer.byteLength(body))),
    ...Object.entries(headers).map(([name, value]) => literal(name.toLowerCase(), value)),
  ]);
  return Buffer.concat([
    frame(TYPE.headers, FLAG.endHeaders, 0, block),
    frame(TYPE.data, FLAG.endStream, 0, Buffer.from(body)),
  ]);
}

/** Speaks as much of HTTP/2 as one request at a time takes. */
export class Http2Exchange implements Exchange {
  readonly opening = Buffer.concat([
    PREFACE,
    // Table of headers: none, so that answers need no memory of earlier ones to be read.
    frame(TYPE.settings, 0, 0, Buffer.of(0, 1, 0, 0, 0, 0)),
    frame(TYPE.windowUpdate, 0, 0, windowOf(LARGEST_WINDOW - FIRST_WINDOW)),
  ]);
  #held: Buffer | undefined;
  #stream = -1;
  #status = 0;
  #answers: Buffer[] = [];
  #received = 0;

  frame(request: Buffer): Buffer {
    this.#stream += 2;
    this.#status = 0;
    const sent = Buffer.from(request);
    sent.writeUInt32BE(this.#stream, 5);
    sent.writeUInt32BE(this.#stream, HEAD + sent.readUIntBE(0, 3) + 5);
    return sent;
  }

  take(chunk: Buffer): number {
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    let answered = 0;
    while (bytes.length >= HEAD) {
      const end = HEAD + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      if (this.#takeFrame(bytes.subarray(0, end))) answered = this.#status;
      bytes = bytes.subarray(end);
    }
    this.#held = bytes.length === 0 ? undefined : bytes;
    return answered;
  }

  pending(): Buffer | undefined {
    if (this.#answers.length === 0) return undefined;
    return Buffer.concat(this.#answers.splice(0));
  }

  /** @returns whether the answer ends with it */
  #takeFrame(bytes: Buffer): boolean {
    const type = bytes[3] ?? 0;
    const flags = bytes[4] ?? 0;
    const payload = bytes.subarray(HEAD);
    if (type === TYPE.settings && (flags & FLAG.ack) === 0)
      this.#answers.push(frame(TYPE.settings, FLAG.ack, 0));
    if (type === TYPE.ping && (flags & FLAG.ack) === 0)
      this.#answers.push(frame(TYPE.ping, FLAG.ack, 0, payload));
    if (type === TYPE.goaway || type === TYPE.rstStream || type === TYPE.continuation)
      throw new Error(`An HTTP/2 frame of type ${type} that ends the exchange`);
    if (type === TYPE.headers) this.#status = statusOf(payload);
    if (type === TYPE.data) this.#count(payload.length);
    return (type === TYPE.data || type === TYPE.headers) && (flags & FLAG.endStream) !== 0;
  }

  #count(bytes: number): void {
    this.#received += bytes;
    if (this.#received < 2 ** 20) return;
    this.#answers.push(frame(TYPE.windowUpdate, 0, 0, windowOf(this.#received)));
    this.#received = 0;
  }
}

function windowOf(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return payload;
}

/** The status that a block of headers begins with; 1 for one that the static table does not hold whole. */
function statusOf(block: Buffer): number {
  // Changes of the table's size come first.
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1;
  return STATUSES[(block[at] ?? 0) - 0x88] ?? 1;
}
