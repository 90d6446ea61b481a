import { step } from '../../../cli/engines/progress.ts';
import type { BenchContext } from '../bench.ts';
import type { FloorPorts } from '../floor/server.ts';
import type { Protocol } from '../load/connection.ts';
import type { FleetRun } from '../load/fleet.ts';
import type { LoadCommand } from '../load/main.ts';
import type { LoadReport } from '../load/tally.ts';
import { oneRound, type Round } from '../measure/measurement.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { type Child, startChild } from '../parts/child.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { profileInto } from '../parts/profile.ts';
import { scratchFolder } from '../parts/scratch.ts';
import { seedAgents } from './seed.ts';

export interface RigOptions {
  /** Agents in the database. */
  readonly agents: number;
  /** Agents that speak on plain HTTP/1.1, chosen at random. */
  readonly speakers: number;
  readonly connections: number;
  readonly profile: string;
}

/** The load on one protocol: for how long, and how. */
export type Stretch = Pick<FleetRun, 'seconds' | 'rate' | 'everyone'>;

type Load = Child<LoadCommand, LoadReport | 'ready'>;

/** One side: where it listens, and the processes whose CPU counts. */
interface Side {
  readonly ports: Readonly<Record<Protocol, number>>;
  readonly pids: Readonly<Record<string, number>>;
}

/** API and Postgres with a fleet in it, a bare route, and the load that both get. */
export class Rig {
  readonly apiPid: number;
  readonly #load: Load;
  readonly #ours: Side;
  readonly #floor: Side;
  readonly #connections: number;

  private constructor(apiPid: number, load: Load, ours: Side, floor: Side, connections: number) {
    this.apiPid = apiPid;
    this.#load = load;
    this.#ours = ours;
    this.#floor = floor;
    this.#connections = connections;
  }

  static async start(context: BenchContext, options: RigOptions): Promise<Rig> {
    const folder = await scratchFolder(context.cleanup);
    const postgres = await startBenchPostgres(context, folder);
    await prepareDataFolder(folder);
    const agentIds = await step(context.progress, `Writing ${options.agents} agents`, () =>
      seedAgents(postgres.url, options.agents, options.speakers),
    );
    const api = await startBenchApi(
      context,
      { dataDir: folder, databaseUrl: postgres.url },
      profileInto(options.profile),
    );
    const floor = startChild<{ dataDir: string }, FloorPorts>(context, 'bench/floor/main.js');
    const floorPorts = await floor.ask({ dataDir: folder });
    const load: Load = startChild(context, 'bench/load/main.js');
    await load.ask({ assemble: { dataDir: folder, agentIds } });
    return new Rig(
      api.process.pid,
      load,
      {
        ports: { http1: api.proxyPort, mtls_http1: api.agentPort, mtls_http2: api.agentPort },
        pids: { api: api.process.pid, postgres: postgres.running.pid },
      },
      { ports: floorPorts, pids: { floor: floor.pid } },
      options.connections,
    );
  }

  ours(protocol: Protocol, stretch: Stretch): Promise<Round> {
    return this.#round(this.#ours, protocol, stretch);
  }

  floor(protocol: Protocol, stretch: Stretch): Promise<Round> {
    return this.#round(this.#floor, protocol, stretch);
  }

  #round({ ports, pids }: Side, protocol: Protocol, stretch: Stretch): Promise<Round> {
    const target = { protocol, port: ports[protocol] };
    return oneRound(pids, 200, async () => {
      const run = { target, connections: this.#connections, ...stretch };
      const report = await this.#load.ask({ run });
      if (report === 'ready') throw new Error('The load did not understand');
      return report;
    });
  }
}
