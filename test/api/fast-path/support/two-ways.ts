import { connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createAgentApp } from '../../../../api/app.ts';
import type { ApiDependencies } from '../../../../api/context.ts';
import { createDependencies } from '../../../../api/dependencies.ts';
import { createHeartbeatFastPath } from '../../../../api/fast-path/heartbeat.ts';
import { type Listener, listenHttp } from '../../../../api/listeners/listen.ts';
import { createLogger } from '../../../../runtime/logger.ts';
import { openClient } from '../../../../runtime/temporal.ts';
import { World } from '../../support/world.ts';

const LIMITS = { EUCORA_TRUSTED_PROXIES: '127.0.0.0/8' };

/** The same routes over the same database behind two listeners for proxies: with the fast path, and without. */
export class TwoWays {
  readonly world: World;
  readonly deps: ApiDependencies;
  /** Requests that the fast path left to the routes. */
  left = 0;
  readonly #lines: string[];
  readonly #listeners: readonly [fast: Listener, routed: Listener];
  readonly #close: () => Promise<void>;

  private constructor(
    world: World,
    deps: ApiDependencies,
    lines: string[],
    listeners: readonly [Listener, Listener],
    close: () => Promise<void>,
  ) {
    this.world = world;
    this.deps = deps;
    this.#lines = lines;
    this.#listeners = listeners;
    this.#close = close;
  }

  static async start(overrides: Record<string, string> = {}): Promise<TwoWays> {
    const world = await World.start({ overrides: { ...LIMITS, ...overrides } });
    const { database } = world.api;
    const { client, connection } = openClient({
      connection: { address: '127.0.0.1:1' },
      namespace: 'default',
    });
    const lines: string[] = [];
    const logger = createLogger('test', 'debug', { write: (line) => lines.push(line) });
    const { signal } = new AbortController();
    const temporal = { client, connection };
    const deps = await createDependencies(database.config, database, temporal, logger, signal);
    const routes = getRequestListener(createAgentApp(deps).fetch);
    const counted: { ways?: TwoWays } = {};
    const fast = createHeartbeatFastPath(deps, (incoming, outgoing) => {
      if (counted.ways !== undefined) counted.ways.left += 1;
      return routes(incoming, outgoing);
    });
    const listeners = [
      await listenHttp(fast, '127.0.0.1', 0),
      await listenHttp(routes, '127.0.0.1', 0),
    ] as const;
    const ways = new TwoWays(world, deps, lines, listeners, () => connection.close());
    counted.ways = ways;
    return ways;
  }

  get fastPort(): number {
    return this.#listeners[0].port;
  }

  get routedPort(): number {
    return this.#listeners[1].port;
  }

  /** The answers to the same bytes, without what differs from one answer to the next. */
  async compare(request: Buffer): Promise<{ fast: string; routed: string; left: number }> {
    const before = this.left;
    const fast = comparable(await exchange(this.fastPort, request));
    const left = this.left - before;
    return { fast, routed: comparable(await exchange(this.routedPort, request)), left };
  }

  /** Lines of the log about a correlation id, or about none. */
  logged(correlationId: string | undefined): Record<string, unknown>[] {
    return this.#lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['correlation_id'] === correlationId);
  }

  async dispose(): Promise<void> {
    for (const listener of this.#listeners) await listener.close();
    await this.#close();
    await this.world.dispose();
  }
}

/** All that comes back until the other side closes. */
function exchange(port: number, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer));
    // A server that has said no may close while we still send.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
  });
}

function comparable(answer: string): string {
  return answer
    .replace(/^date: .*$/im, 'date')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, 'random-id');
}
