import { Connection, type Target } from '../load/connection.ts';
import { heartbeatOf } from '../load/fleet.ts';
import { renderHttp1 } from '../load/http1.ts';
import { renderHttp2 } from '../load/http2.ts';
import { newHistogram, percentile, record } from '../measure/latency.ts';
import { CertificateMill, toPem } from '../parts/certificates.ts';

export interface Holding {
  readonly dataDir: string;
  readonly agentIds: readonly string[];
  readonly target: Omit<Target, 'localAddress'>;
}

/** Time from the first byte of a connection to the answer of its first heartbeat. */
export interface Held {
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Connections from one address of loopback: it has some 28,000 ports to a port of the other side. */
const A_ADDRESS = 10_000;
/** Handshakes at the same time. */
const AT_ONCE = 64;

/** Agents that are connected, have said a heartbeat and wait for the time of the next. */
export class Holder {
  readonly #open: Connection[] = [];

  /** Connects all of them, each over a connection of its own, and lets each say a heartbeat. */
  async hold({ dataDir, agentIds, target }: Holding): Promise<Held> {
    const histogram = newHistogram();
    const mill = await CertificateMill.open(dataDir);
    const render = target.protocol === 'mtls_http2' ? renderHttp2 : renderHttp1;
    let next = 0;
    const connectSome = async (): Promise<void> => {
      for (let index = next++; index < agentIds.length; index = next++) {
        const id = agentIds[index] ?? '';
        const localAddress = `127.0.0.${1 + Math.floor(index / A_ADDRESS)}`;
        const identity = { ca: mill.caPem, key: mill.key, cert: toPem(mill.issue(id)) };
        const began = performance.now();
        const connection = await Connection.open({ ...target, localAddress }, identity);
        this.#open.push(connection);
        const status = await new Promise<number>((resolve) =>
          connection.send(render(heartbeatOf(id)), resolve),
        );
        record(histogram, performance.now() - began);
        if (status !== 200) throw new Error(`A heartbeat was answered with ${status}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, connectSome));
    return { p50_ms: percentile(histogram, 50), p99_ms: percentile(histogram, 99) };
  }

  /** Ends all connections. */
  release(): void {
    for (const connection of this.#open.splice(0)) connection.close();
  }
}
