import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { parse } from 'yaml';
import { step } from '../../../cli/engines/progress.ts';
import type { RunningPlatform } from '../../../cli/platform/start.ts';
import { parseConfig } from '../../../contracts/config.ts';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { seedAgents } from '../checkins/seed.ts';
import { cpuDuring, perThousand } from '../measure/cpu.ts';
import { newHistogram, percentile, record } from '../measure/latency.ts';
import { inTurns } from '../measure/rounds.ts';
import { UsageError } from '../options.ts';
import { startChild } from '../parts/child.ts';
import { startEnginePostgres } from '../parts/engine-postgres.ts';
import { startBenchPlatform } from '../parts/platform.ts';
import { freePorts, scratchFolder } from '../parts/scratch.ts';
import { startTemporalServer, type TemporalServer } from '../parts/temporal-server.ts';
import type { BareRun } from './bare.ts';
import { look, mean, type TaskHistory } from './histories.ts';
import { TaskDriver } from './lifecycle.ts';
import { pause, type Round, total } from './rounds.ts';

/** Tasks of a round whose histories are read to count what workflows were told. */
const LOOKED_AT = 50;
const ENGINES = ['dev', 'server'];
/** Signals of a life of which each word is told by itself: that it was started, and that it was completed. */
const UNMERGED = 2;

/**
 * Whole lives of tasks, created by an operator, handed over by a heartbeat, started and completed by their agents,
 * until their workflows have ended; in turns with bare workflows that are told as often, and with bare ones that are told of
 * each word, on the same Temporal.
 */
export const tasks = defineBench({
  name: 'tasks',
  summary: 'whole task lifecycles, against a bare workflow that takes as many messages',
  options: {
    tasks: { default: 1_500, help: 'tasks that are measured' },
    concurrency: { default: 200, help: 'tasks under way at once' },
    rounds: { default: 3, help: 'rounds, ours and the bare ones in turns' },
    work: { default: 1_000, help: 'milliseconds that agents work on a task' },
    engine: {
      default: 'dev',
      help: 'dev: the embedded stack’s Temporal; server: the production server on Postgres',
    },
    shards: { default: 4, help: 'history shards of the production server' },
    env: { default: '', help: 'settings of the platform, NAME=value separated by commas' },
    dynamic: {
      default: '',
      help: 'dynamic configuration of the production server, name=value separated by commas',
    },
  },
  async run(options, context) {
    if (options.rounds < 1) throw new UsageError('--rounds is 1 at the least');
    if (!ENGINES.includes(options.engine)) throw new UsageError(`--engine is one of ${ENGINES.join(', ')}`);
    const folder = await scratchFolder(context.cleanup);
    const server = options.engine === 'server' ? await productionServer(options, context, folder) : undefined;
    const [proxyPort = 0] = await freePorts(1);
    const platform = await startBenchPlatform(context, folder, {
      env: {
        EUCORA_AGENT_PROXY_PORT: String(proxyPort),
        EUCORA_TRUSTED_PROXIES: '127.0.0.0/8',
        EUCORA_REQUESTS_PER_MINUTE: '1000000000',
        EUCORA_LOG_LEVEL: 'warn',
        ...(server === undefined ? {} : { TEMPORAL_ADDRESS: server.temporal.address }),
        ...pairs(options.env),
      },
    });
    const address = platform.endpoints.temporal_address;
    const connection = await Connection.connect({ address, interceptors: [] });
    context.cleanup.add(() => connection.close());
    const client = new Client({ connection });
    const driver = await TaskDriver.open({
      dataDir: platform.dataDir,
      operatorUrl: platform.endpoints.operator_api,
      proxyUrl: `http://127.0.0.1:${proxyPort}`,
      token: (await readFile(platform.endpoints.admin_token_file, 'utf8')).trim(),
      agentIds: await seedAgents(platform.databaseUrl, options.concurrency, options.concurrency),
    });
    context.cleanup.add(() => driver.close());
    const lives = (count: number): Promise<string[]> =>
      driver.drive(count, options.work, (id) => ended(client, id));
    const product = [platform.pid('api'), platform.pid('worker')].filter((pid) => pid !== undefined);
    const bare = startChild<BareRun, { seconds: number }>(context, 'bench/tasks/bare.js');
    const bareRun = {
      address,
      concurrency: options.concurrency,
      workMs: options.work,
      worker: workerSettings(pairs(options.env)),
    };
    const perRound = Math.ceil(options.tasks / options.rounds);
    const warm = Math.ceil(perRound / 2);
    await step(context.progress, 'Warming up', () => lives(warm));
    await step(context.progress, 'Warming up bare workflows', () =>
      bare.ask({ ...bareRun, messages: UNMERGED, count: warm }),
    );
    const bareSide = async (messages: number, name: string): Promise<Round> => {
      // Temporal and the cores are the bare workflow's alone.
      const resume = pause(product);
      context.cleanup.add(resume);
      try {
        const { result, seconds: cpu } = await cpuDuring(
          { worker: bare.pid, ...enginePids(platform, server) },
          () => step(context.progress, name, () => bare.ask({ ...bareRun, messages, count: perRound })),
        );
        return { seconds: result.seconds, cpu, loadSeconds: 0 };
      } finally {
        await resume();
      }
    };
    const histories: TaskHistory[] = [];
    const rounds = await inTurns<Side, Round>(options.rounds, {
      ours: async (round) => {
        const begun = performance.now();
        const loadBefore = process.cpuUsage();
        const { result: ids, seconds: cpu } = await cpuDuring(pidsOf(platform, server), () =>
          step(context.progress, `${perRound} tasks through their life (${round})`, () => lives(perRound)),
        );
        const seconds = (performance.now() - begun) / 1_000;
        const load = process.cpuUsage(loadBefore);
        histories.push(...(await look(client, ids.slice(-LOOKED_AT))));
        return { seconds, cpu, loadSeconds: (load.user + load.system) / 1e6 };
      },
      // What ours were told so far, which differs little from round to round.
      floor: (round) => bareSide(mean(histories, 'messages'), `${perRound} bare workflows (${round})`),
      unmerged: (round) => bareSide(UNMERGED, `${perRound} bare workflows, told of each word (${round})`),
    });
    const [ours, floor, unmerged] = [total(rounds.ours), total(rounds.floor), total(rounds.unmerged)];
    const count = perRound * options.rounds;
    const lifetimes = newHistogram();
    for (const { seconds } of histories) record(lifetimes, seconds * 1_000);
    return {
      rate: count / ours.seconds,
      floor_rate: count / floor.seconds,
      ratio: floor.seconds / ours.seconds,
      // The floor's load comes out of its worker; ours is another process on the same cores, which this leaves out.
      cpu_ratio: sum(floor.cpu) / sum(ours.cpu),
      ratios: rounds.ours.map(({ seconds }, at) => (rounds.floor[at]?.seconds ?? Number.NaN) / seconds),
      unmerged_rate: count / unmerged.seconds,
      unmerged_ratio: unmerged.seconds / ours.seconds,
      cpu_s_per_1000: perThousand(ours.cpu, count),
      p50_ms: percentile(lifetimes, 50),
      p99_ms: percentile(lifetimes, 99),
      floor_cpu_s_per_1000: perThousand(floor.cpu, count),
      unmerged_cpu_s_per_1000: perThousand(unmerged.cpu, count),
      load_cpu_s_per_1000: (ours.loadSeconds * 1_000) / count,
      messages: mean(histories, 'messages'),
      workflow_tasks: mean(histories, 'workflowTasks'),
      events: mean(histories, 'events'),
    };
  },
});

type Side = 'ours' | 'floor' | 'unmerged';

const sum = (seconds: Readonly<Record<string, number>>): number =>
  Object.values(seconds).reduce((total, used) => total + used, 0);

/** What the product's worker runs with; the bare one gets the same. */
const workerSettings = (env: Readonly<Record<string, string>>): BareRun['worker'] => {
  const config = parseConfig({ DATABASE_URL: 'postgres://unused', EUCORA_DATA_DIR: '/unused', ...env });
  return {
    cachedWorkflows: config.EUCORA_WORKER_CACHED_WORKFLOWS,
    pollers: config.EUCORA_WORKER_POLLERS,
    workflowTasks: config.EUCORA_WORKER_WORKFLOW_TASKS,
  };
};

interface Server {
  readonly temporal: TemporalServer;
  readonly postgres: number;
}

async function productionServer(
  options: { readonly shards: number; readonly dynamic: string },
  context: BenchContext,
  folder: string,
): Promise<Server> {
  const postgres = await startEnginePostgres(context, folder);
  const temporal = await startTemporalServer(context, {
    postgresUrl: postgres.url,
    folder,
    shards: options.shards,
    settings: Object.fromEntries(
      Object.entries(pairs(options.dynamic)).map(([name, value]) => [
        name,
        parse(value) as string | number | boolean,
      ]),
    ),
  });
  return { temporal, postgres: postgres.pid };
}

/** Its workflow is started by the relay, soon after the task was made. */
async function ended(client: Client, taskId: string): Promise<void> {
  for (;;) {
    try {
      await client.workflow.getHandle(agentTaskWorkflowId(taskId)).result();
      return;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      await delay(50);
    }
  }
}

function enginePids(platform: RunningPlatform, server: Server | undefined): Record<string, number> {
  return {
    temporal: server?.temporal.pid ?? platform.pid('temporal') ?? 0,
    ...(server === undefined ? {} : { temporal_postgres: server.postgres }),
  };
}

function pidsOf(platform: RunningPlatform, server: Server | undefined): Record<string, number> {
  return {
    api: platform.pid('api') ?? 0,
    worker: platform.pid('worker') ?? 0,
    postgres: platform.pid('postgres') ?? 0,
    ...enginePids(platform, server),
  };
}

function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [] : [[pair.slice(0, at), pair.slice(at + 1)]];
    }),
  );
}
