import { setTimeout as delay } from 'node:timers/promises';
import { step } from '../../../cli/engines/progress.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { seedAgents } from '../checkins/seed.ts';
import type { FloorPorts } from '../floor/server.ts';
import { cpuDuring, residentBytesOf } from '../measure/cpu.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { type Child, startChild } from '../parts/child.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { scratchFolder } from '../parts/scratch.ts';
import type { Held } from './holder.ts';
import type { HolderCommand } from './main.ts';

type HolderChild = Child<HolderCommand, Held | 'released'>;

interface Cost extends Held {
  readonly bytesEach: number;
  readonly secondsEach: number;
}

/**
 * Memory of the API for each agent that is connected by mutual TLS and waits, against a bare Node server. `rate` and
 * `floor_rate` are agents a GiB; `ratio` compares them.
 */
export const memory = defineBench({
  name: 'memory',
  summary: 'memory of the API for each connected agent (mutual TLS), against a bare Node server',
  options: {
    agents: { default: 10_000, help: 'agents that are connected at the same time' },
    protocol: { default: 'mtls_http1', help: 'mtls_http1 or mtls_http2' },
    settle: { default: 3, help: 'seconds between the last handshake and the look at memory' },
  },
  async run({ agents, protocol, settle }, context) {
    const http = protocol === 'mtls_http2' ? 'mtls_http2' : 'mtls_http1';
    const dataDir = await scratchFolder(context.cleanup);
    const postgres = await startBenchPostgres(context, dataDir);
    await prepareDataFolder(dataDir);
    const agentIds = await seedAgents(postgres.url, agents);
    const api = await startBenchApi(context, { dataDir, databaseUrl: postgres.url });
    const floor = startChild<{ dataDir: string }, FloorPorts>(context, 'bench/floor/main.js');
    const floorPorts = await floor.ask({ dataDir });
    const holder: HolderChild = startChild(context, 'bench/memory/main.js');
    const hold = (port: number, pid: number, ids: readonly string[]) =>
      costOf(
        context,
        holder,
        { hold: { dataDir, agentIds: ids, target: { protocol: http, port } } },
        pid,
        settle,
      );
    // What a process takes once, however many connect, is taken before.
    const few = agentIds.slice(0, Math.min(200, agents));
    await hold(api.agentPort, api.process.pid, few);
    await hold(floorPorts[http], floor.pid, few);
    const ours = await hold(api.agentPort, api.process.pid, agentIds);
    const bare = await hold(floorPorts[http], floor.pid, agentIds);
    return {
      rate: 2 ** 30 / ours.bytesEach,
      floor_rate: 2 ** 30 / bare.bytesEach,
      ratio: bare.bytesEach / ours.bytesEach,
      bytes_per_agent: Math.round(ours.bytesEach),
      floor_bytes_per_agent: Math.round(bare.bytesEach),
      cpu_s_per_1000: { api: ours.secondsEach * 1_000 },
      floor_cpu_s_per_1000: { floor: bare.secondsEach * 1_000 },
      p50_ms: ours.p50_ms,
      p99_ms: ours.p99_ms,
    };
  },
});

/** Memory before, with all of them connected, and the CPU that connecting took. */
async function costOf(
  { progress }: BenchContext,
  holder: HolderChild,
  command: Extract<HolderCommand, { hold: unknown }>,
  pid: number,
  settle: number,
): Promise<Cost> {
  const { agentIds, target } = command.hold;
  const before = await residentBytesOf(pid);
  const { result, seconds } = await step(
    progress,
    `Connecting ${agentIds.length} agents to ${target.port}`,
    () => cpuDuring({ pid }, () => holder.ask(command)),
  );
  if (result === 'released') throw new Error('The agents did not connect');
  await delay(settle * 1_000);
  const during = await residentBytesOf(pid);
  await holder.ask({ release: true });
  return {
    bytesEach: (during - before) / agentIds.length,
    secondsEach: seconds.pid / agentIds.length,
    p50_ms: result.p50_ms,
    p99_ms: result.p99_ms,
  };
}
