import { CertificateMill, toPem } from '../parts/certificates.ts';
import { Connection, type Target } from './connection.ts';
import { drive } from './drive.ts';
import type { Post } from './exchange.ts';
import { renderHttp1 } from './http1.ts';
import { renderHttp2 } from './http2.ts';
import type { LoadReport } from './tally.ts';

export interface FleetSpec {
  /** Where the platform's CA is. */
  readonly dataDir: string;
  readonly agentIds: readonly string[];
}

export interface FleetRun {
  readonly target: Target;
  readonly connections: number;
  readonly seconds: number;
  readonly rate?: number | undefined;
  /** Goes on until every agent that takes part has spoken. */
  readonly everyone?: boolean;
}

/** Handshakes at the same time. */
const AT_ONCE = 16;

/** Agents that say heartbeats: over a proxy's few connections, or each over its own. */
export class Fleet {
  readonly #mill: CertificateMill;
  readonly #agentIds: readonly string[];
  /** As a proxy would send them, rendered once. */
  readonly #proxied: Buffer[] = [];
  /** Kept from one stretch to the next, as agents keep them. */
  readonly #kept = new Map<string, Connection[]>();
  #next = 0;

  private constructor(mill: CertificateMill, agentIds: readonly string[]) {
    this.#mill = mill;
    this.#agentIds = agentIds;
  }

  static async assemble({ dataDir, agentIds }: FleetSpec): Promise<Fleet> {
    return new Fleet(await CertificateMill.open(dataDir), agentIds);
  }

  async run({ target, connections, seconds, rate, everyone = false }: FleetRun): Promise<LoadReport> {
    const proxied = target.protocol === 'http1';
    if (proxied && this.#proxied.length === 0)
      for (const id of this.#agentIds) this.#proxied.push(renderHttp1(heartbeatOf(id, this.#mill.issue(id))));
    const open = await this.#open(target, connections);
    const render = target.protocol === 'mtls_http2' ? renderHttp2 : renderHttp1;
    const own = proxied ? [] : open.map((_, index) => render(heartbeatOf(this.#agentOf(index))));
    return drive({
      connections: open,
      next: proxied ? () => this.#nextProxied() : (index) => own[index] as Buffer,
      seconds,
      rate,
      atLeast: everyone ? (proxied ? this.#proxied.length : connections) : 0,
    });
  }

  close(): void {
    for (const connection of [...this.#kept.values()].flat()) connection.close();
    this.#kept.clear();
  }

  async #open(target: Target, count: number): Promise<Connection[]> {
    const name = `${target.protocol} ${target.port} ${count}`;
    const kept = this.#kept.get(name);
    if (kept?.every((connection) => !connection.broken)) return kept;
    const { key, caPem: ca } = this.#mill;
    const open: Connection[] = [];
    const openSome = async (lane: number): Promise<void> => {
      for (let index = lane; index < count; index += AT_ONCE) {
        const cert = target.protocol === 'http1' ? '' : toPem(this.#mill.issue(this.#agentOf(index)));
        open[index] = await Connection.open(target, { ca, key, cert });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => openSome(lane)));
    this.#kept.set(name, open);
    return open;
  }

  #agentOf(index: number): string {
    return this.#agentIds[index % this.#agentIds.length] ?? '';
  }

  #nextProxied(): Buffer {
    this.#next = (this.#next + 1) % this.#proxied.length;
    return this.#proxied[this.#next] as Buffer;
  }
}

/** A heartbeat as the reference agent says it; by way of a proxy with its certificate in a header (RFC 9440). */
export function heartbeatOf(agentId: string, certificate?: Buffer): Post {
  return {
    path: `/api/v1/agents/${agentId}/heartbeat`,
    headers: certificate === undefined ? {} : { 'Client-Cert': `:${certificate.toString('base64')}:` },
    body: JSON.stringify({
      agent_version: '1.0.0',
      status: 'ONLINE',
      last_error: null,
      instance_id: agentId,
      hardware_id: `bench-${agentId}`,
      counters: {
        queue_words: 0,
        queue_reports: 0,
        queue_telemetry: 1,
        queue_bytes: 412,
        tasks_running: 0,
        tasks_waiting: 0,
      },
    }),
  };
}
