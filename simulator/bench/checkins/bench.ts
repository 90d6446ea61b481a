import { step } from '../../../cli/engines/progress.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import type { FloorPorts } from '../floor/server.ts';
import type { Protocol } from '../load/connection.ts';
import type { LoadReport } from '../load/drive.ts';
import type { FleetRun } from '../load/fleet.ts';
import type { LoadCommand } from '../load/main.ts';
import { cpuDuring } from '../measure/cpu.ts';
import { merged, percentile } from '../measure/latency.ts';
import { inTurns, median } from '../measure/rounds.ts';
import { UsageError } from '../options.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { type Child, startChild } from '../parts/child.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { profileInto } from '../parts/profile.ts';
import { scratchFolder } from '../parts/scratch.ts';
import type { Measurement } from '../result.ts';
import { seedAgents } from './seed.ts';

type Load = Child<LoadCommand, LoadReport | 'ready'>;

interface Round {
  readonly report: LoadReport;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Heartbeats through the whole stack against a bare route that parses the same body. */
export const checkins = defineBench({
  name: 'checkins',
  summary: 'heartbeats through the whole stack, against a bare Hono route that parses the same body',
  options: {
    agents: { default: 100_000, help: 'agents in the database; all of them speak on plain HTTP/1.1' },
    connections: { default: 64, help: 'kept-alive connections; with mutual TLS each is an agent’s own' },
    seconds: { default: 5, help: 'length of a round' },
    rounds: { default: 3, help: 'rounds, ours and the floor in turns' },
    protocols: {
      default: 'http1,mtls_http1,mtls_http2',
      help: 'what is measured; the first is the result’s own',
    },
    warm: { default: 6, help: 'seconds each side runs before it is measured' },
    profile: { default: '', help: 'folder for a CPU profile of the API' },
  },
  async run(options, context) {
    const folder = await scratchFolder(context.cleanup);
    const postgres = await startBenchPostgres(context, folder);
    await prepareDataFolder(folder);
    const agentIds = await step(context.progress, `Writing ${options.agents} agents`, () =>
      seedAgents(postgres.url, options.agents),
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
    const ours = { api: api.process.pid, postgres: postgres.running.pid };
    const ports: FloorPorts = { http1: api.proxyPort, mtls_http1: api.agentPort, mtls_http2: api.agentPort };
    const measure = async (protocol: Protocol): Promise<Measurement> => {
      const { connections } = options;
      const side = (port: number, pids: Readonly<Record<string, number>>) => () =>
        oneRound(load, { target: { protocol, port }, connections, seconds: options.seconds }, pids);
      const warm = (port: number) => () =>
        oneRound(
          load,
          { target: { protocol, port }, connections, seconds: options.warm, everyone: true },
          {},
        );
      // Caches of compiled code, of certificates and of the database are as warm as in a process that runs for days.
      await warmUp(context, protocol, [warm(ports[protocol]), warm(floorPorts[protocol])]);
      if (options.profile !== '') process.kill(api.process.pid, 'SIGUSR2');
      return step(context.progress, `Measuring ${protocol}`, async () =>
        toMeasurement(
          await inTurns(options.rounds, {
            ours: side(ports[protocol], ours),
            floor: side(floorPorts[protocol], { floor: floor.pid }),
          }),
        ),
      );
    };
    const [first, ...others] = protocolsOf(options.protocols);
    const figures = await measure(first);
    for (const protocol of others) figures[protocol] = await measure(protocol);
    return figures;
  },
});

function protocolsOf(list: string): [Protocol, ...Protocol[]] {
  const [first, ...others] = list.split(',').map((name) => {
    if (name !== 'http1' && name !== 'mtls_http1' && name !== 'mtls_http2')
      throw new UsageError(`There is no protocol "${name}": http1, mtls_http1 and mtls_http2 are`);
    return name;
  });
  return [first ?? 'http1', ...others];
}

async function warmUp(
  { progress }: BenchContext,
  protocol: Protocol,
  sides: readonly (() => Promise<Round>)[],
): Promise<void> {
  await step(progress, `Warming up ${protocol}`, async () => {
    for (const side of sides) await side();
  });
}

async function oneRound(load: Load, run: FleetRun, pids: Readonly<Record<string, number>>): Promise<Round> {
  const { result, seconds } = await cpuDuring(pids, () => load.ask({ run }));
  if (result === 'ready') throw new Error('The load did not understand');
  const failed = Object.entries(result.statuses).filter(([status]) => status !== '200');
  if (failed.length > 0)
    throw new Error(`Answers other than 200: ${JSON.stringify(Object.fromEntries(failed))}`);
  return { report: result, seconds };
}

function toMeasurement({ ours, floor }: Record<'ours' | 'floor', Round[]>): Measurement {
  const rateOf = ({ report }: Round): number => report.requests / report.seconds;
  const latencies = merged(ours.map(({ report }) => report.latencies));
  const floorLatencies = merged(floor.map(({ report }) => report.latencies));
  return {
    rate: median(ours.map(rateOf)),
    floor_rate: median(floor.map(rateOf)),
    ratio: median(ours.map((round, index) => rateOf(round) / rateOf(floor[index] as Round))),
    cpu_s_per_1000: cpuPer1000(ours),
    p50_ms: percentile(latencies, 50),
    p99_ms: percentile(latencies, 99),
    floor_cpu_s_per_1000: cpuPer1000(floor),
    floor_p50_ms: percentile(floorLatencies, 50),
    floor_p99_ms: percentile(floorLatencies, 99),
    load_cpu_s_per_1000: median(ours.map(({ report }) => (report.own_cpu_s / report.requests) * 1_000)),
  };
}

function cpuPer1000(rounds: readonly Round[]): Record<string, number> {
  const names = Object.keys(rounds[0]?.seconds ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      median(rounds.map(({ seconds, report }) => ((seconds[name] ?? 0) / report.requests) * 1_000)),
    ]),
  );
}
