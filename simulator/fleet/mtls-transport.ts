import { buildConnector, Client } from 'undici';
import { type Call, type Reachable, type Reply, ReplyHandler, type Transport } from './transport.ts';

export interface MtlsOptions {
  /** The agents' listener, https. */
  readonly server: string;
  readonly caPem: string;
  /** PEM of the keys that the fleet shares, by `keyIndex`. */
  readonly keys: readonly string[];
}

/** Ephemeral ports of one source address are some 28,000: fewer, and addresses of loopback are used in turn. */
const AGENTS_PER_ADDRESS = 10_000;
const TIMEOUT_MS = 30_000;
/** Longer than any heartbeat interval: the server's own hint decides. */
const KEEP_ALIVE_MS = 600_000;

interface Line {
  readonly connect: buildConnector.connector;
  client: Client | undefined;
}

/** Each agent over its own mutual-TLS connection, kept alive; a new one resumes the TLS session of the one before. */
export class MtlsTransport implements Transport {
  readonly #options: MtlsOptions;
  readonly #lines = new Map<number, Line>();

  constructor(options: MtlsOptions) {
    this.#options = options;
  }

  send(agent: Reachable, call: Call, done: (reply: Reply) => void): void {
    this.#clientOf(agent).dispatch({ ...call, headers: [...call.headers] }, new ReplyHandler(done));
  }

  hangUp(agent: Reachable): void {
    const line = this.#lines.get(agent.index);
    const client = line?.client;
    if (line === undefined || client === undefined) return;
    line.client = undefined;
    void client.destroy();
  }

  async close(): Promise<void> {
    const clients = [...this.#lines.values()].map((line) => line.client);
    this.#lines.clear();
    await Promise.all(clients.map((client) => client?.destroy()));
  }

  #clientOf(agent: Reachable): Client {
    let line = this.#lines.get(agent.index);
    if (line === undefined) {
      line = { connect: this.#connectorOf(agent), client: undefined };
      this.#lines.set(agent.index, line);
    }
    line.client ??= new Client(this.#options.server, {
      connect: line.connect,
      pipelining: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
    });
    return line.client;
  }

  #connectorOf(agent: Reachable): buildConnector.connector {
    const { caPem, keys } = this.#options;
    return buildConnector({
      ca: caPem,
      cert: toPem(agent.certificate),
      key: keys[agent.keyIndex] ?? '',
      timeout: TIMEOUT_MS,
      maxCachedSessions: 1,
      ...(agent.index < AGENTS_PER_ADDRESS ? {} : { localAddress: sourceAddress(agent.index) }),
    });
  }
}

/** 127.0.0.1 for the first agents, then 127.0.0.2 and so on. */
export function sourceAddress(index: number): string {
  return `127.0.0.${1 + Math.floor(index / AGENTS_PER_ADDRESS)}`;
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
