import { randomUUID } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { inParallel } from '../load/repeat.ts';
import type { LoadReport } from '../load/tally.ts';
import { CertificateMill, toPem } from '../parts/certificates.ts';

export interface Reconnects {
  readonly dataDir: string;
  /** Replicas, taken in turns by each agent. */
  readonly ports: readonly number[];
  readonly seconds: number;
  readonly atOnce: number;
  /** With tickets of earlier sessions; without, every handshake is whole. */
  readonly resumed: boolean;
}

/** What {@link reconnectAgents} counts handshakes by, in the place of statuses. */
export const HANDSHAKE = { whole: 200, resumed: 206 } as const;

interface Agent {
  readonly cert: string;
  session: Buffer | undefined;
  turn: number;
}

/** Agents that lose their connections and come back, by mutual TLS with certificates of their own. */
export async function reconnectAgents({
  dataDir,
  ports,
  seconds,
  atOnce,
  resumed,
}: Reconnects): Promise<LoadReport> {
  const mill = await CertificateMill.open(dataDir);
  const agents = Array.from(
    { length: atOnce },
    (): Agent => ({ cert: toPem(mill.issue(randomUUID())), session: undefined, turn: 0 }),
  );
  const dial = (agent: Agent): TLSSocket =>
    connect({
      host: '127.0.0.1',
      port: ports[agent.turn++ % ports.length] ?? 0,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
      ca: mill.caPem,
      key: mill.key,
      cert: agent.cert,
      ...(agent.session === undefined ? {} : { session: agent.session }),
    });
  if (resumed) for (const agent of agents) agent.session = await ticketOf(dial(agent));
  return inParallel(atOnce, seconds, async (lane) => {
    const socket = dial(agents[lane] as Agent);
    await secured(socket);
    const status = socket.isSessionReused() ? HANDSHAKE.resumed : HANDSHAKE.whole;
    socket.destroy();
    return status;
  });
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
}

/** The ticket that a server gives after the handshake. */
function ticketOf(socket: TLSSocket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once('session', (session: Buffer) => {
      socket.destroy();
      resolve(session);
    });
    socket.once('error', reject);
  });
}
