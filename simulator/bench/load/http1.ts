import type { Exchange, Post } from './exchange.ts';

/** A request of HTTP/1.1 as bytes. */
export function renderHttp1({ path, headers, body }: Post): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Reads answers that declare their length. Does no more than it must: the load must be cheaper than what it measures. */
export class Http1Exchange implements Exchange {
  #held: Buffer | undefined;

  frame(request: Buffer): Buffer {
    return request;
  }

  take(chunk: Buffer): number {
    const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = bytes;
    const text = bytes.toString('latin1', 0, Math.min(bytes.length, 2_048));
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return 0;
    const declared = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1];
    if (declared === undefined) throw new Error(`An answer without length: ${text.slice(0, 200)}`);
    if (bytes.length < end + 4 + Number(declared)) return 0;
    this.#held = undefined;
    return Number(text.slice(9, 12));
  }
}
