import type { Dispatcher } from 'undici';
import { PlatformClient } from '../protocol/client.ts';
import { createTransport, type TransportOptions } from '../protocol/transport.ts';
import type { Identity } from './identity.ts';

export interface SessionOptions {
  readonly server: string;
  readonly ca: string | undefined;
  readonly http2: boolean;
  readonly userAgent: string;
  readonly timeoutMs?: number;
}

export interface Connection {
  readonly client: PlatformClient;
  readonly dispatcher: Dispatcher;
}

/** The connections to the platform under the present identity; all of the agent speaks through here. */
export class Session {
  readonly server: string;
  readonly #options: SessionOptions;
  #identity: Identity | undefined;
  #connection: Connection | undefined;

  constructor(options: SessionOptions) {
    this.server = options.server;
    this.#options = options;
  }

  /** Connections under `identity`, or without client certificate. */
  connect(identity: Pick<Identity, 'certificate' | 'private_key'> | undefined): Connection {
    const { server, ca, http2, userAgent, timeoutMs } = this.#options;
    const transport: TransportOptions = { ca, http2, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const dispatcher = createTransport(
      identity === undefined
        ? transport
        : { ...transport, certificate: identity.certificate, privateKey: identity.private_key },
    );
    return { dispatcher, client: new PlatformClient({ server, dispatcher, userAgent }) };
  }

  /** Speaks as `identity` from now on; what is under way as the old one may end. */
  adopt(identity: Identity, connection: Connection = this.connect(identity)): void {
    const old = this.#connection;
    this.#identity = identity;
    this.#connection = connection;
    void old?.dispatcher.close().catch(() => undefined);
  }

  get identity(): Identity {
    if (this.#identity === undefined) throw new Error('The agent has not enrolled yet');
    return this.#identity;
  }

  get connection(): Connection {
    if (this.#connection === undefined) throw new Error('The agent has not enrolled yet');
    return this.#connection;
  }

  get client(): PlatformClient {
    return this.connection.client;
  }

  get agentId(): string {
    return this.identity.agent_id;
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#connection?.dispatcher.destroy().catch(() => undefined);
  }
}
