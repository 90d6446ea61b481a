import { Client, Connection } from '@temporalio/client';
import { step } from '../../../cli/engines/progress.ts';
import type { RunningPlatform } from '../../../cli/platform/start.ts';
import { type Database, openDatabase } from '../../../db/database.ts';
import { Orders } from '../../load/orders.ts';
import { preparePackages } from '../../packages/prepare.ts';
import { Operator } from '../../platform/operator.ts';
import type { BenchContext } from '../bench.ts';
import { seedAgents } from '../checkins/seed.ts';
import { cpuDuring } from '../measure/cpu.ts';
import { AgentLines } from '../parts/agent-lines.ts';
import { startBenchPlatform } from '../parts/platform.ts';
import { freePorts, scratchFolder } from '../parts/scratch.ts';
import { Crew } from './crew.ts';
import { type Tell, Watch } from './watch.ts';

/** What was ordered was done after `seconds`, and every workflow that took part had ended after `quietSeconds`. */
export interface Taken {
  readonly seconds: number;
  readonly quietSeconds: number;
  /** CPU-seconds by process until then. */
  readonly cpu: Readonly<Record<string, number>>;
}

interface Parts {
  readonly context: BenchContext;
  readonly platform: RunningPlatform;
  readonly database: Database;
  readonly agentIds: readonly string[];
  readonly crew: Crew;
  readonly orders: Orders;
  readonly watch: Watch;
}

/** The whole platform with a fleet that works, those who order, and a watch on what comes of it. */
export class Stage {
  readonly orders: Orders;
  readonly watch: Watch;
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.orders = parts.orders;
    this.watch = parts.watch;
  }

  static async open(
    context: BenchContext,
    options: { readonly agents: number; readonly work: number },
  ): Promise<Stage> {
    const folder = await scratchFolder(context.cleanup);
    const [proxyPort = 0] = await freePorts(1);
    const platform = await startBenchPlatform(context, folder, {
      env: {
        EUCORA_AGENT_PROXY_PORT: String(proxyPort),
        EUCORA_TRUSTED_PROXIES: '127.0.0.0/8',
        EUCORA_REQUESTS_PER_MINUTE: '1000000000',
        EUCORA_LOG_LEVEL: 'warn',
        // Every deployment is decided on by a second person.
        EUCORA_CAB_RISK_THRESHOLD: '0',
        // Agents speak when they have something to do.
        EUCORA_OFFLINE_AFTER_SECONDS: '86400',
      },
    });
    const database = openDatabase({
      url: platform.databaseUrl,
      poolSize: 6,
      applicationName: 'eucora-bench',
    });
    context.cleanup.add(() => database.close());
    const connection = await Connection.connect({
      address: platform.endpoints.temporal_address,
      interceptors: [],
    });
    context.cleanup.add(() => connection.close());
    const agentIds = await step(context.progress, `Writing ${options.agents} agents`, () =>
      seedAgents(platform.databaseUrl, options.agents),
    );
    const lines = await AgentLines.open(platform.dataDir, `http://127.0.0.1:${proxyPort}`, agentIds);
    context.cleanup.add(() => lines.close());
    const admin = await Operator.of(platform);
    context.cleanup.add(() => admin.close());
    return new Stage({
      context,
      platform,
      database,
      agentIds,
      crew: new Crew(database.pool, lines, options.work),
      orders: await Orders.by(admin),
      watch: new Watch(database.pool, new Client({ connection }), context.signal),
    });
  }

  agentAt(n: number): string {
    const { agentIds } = this.#parts;
    return agentIds[n % agentIds.length] ?? '';
  }

  /** @returns ids of pipelines that passed, each of another package */
  packages(name: string, count: number): Promise<string[]> {
    const { database, platform } = this.#parts;
    const named = Array.from({ length: count }, (_, n) => ({ name: `${name}-${n + 1}`, version: '1.0.0' }));
    return preparePackages(database, platform.dataDir, named);
  }

  /** Tasks with what a device gets from a deployment, for the first `count` agents. */
  bulk(what: string, count: number): Promise<Taken> {
    const payload = {
      action: 'install',
      package_name: 'bulk',
      package_version: '1.0.0-1',
      format: 'deb',
      artifact: { sha256: '0'.repeat(64), size_bytes: 1_000, name: 'bulk_1.0.0-1_amd64.deb' },
      signature: { trusted_keys: ['simulated public key'] },
    };
    return this.measure(what, async (tell) => {
      const ids = await this.orders.bulk(payload, this.#parts.agentIds.slice(0, count));
      await this.watch.tasksEnded(ids, tell);
    });
  }

  /** Has the crew work while `work` goes on, and waits until nothing moves any more. */
  async measure(what: string, work: (tell: Tell) => Promise<void>): Promise<Taken> {
    const { context, crew } = this.#parts;
    const begun = performance.now();
    let seconds = 0;
    const { seconds: cpu } = await cpuDuring(this.#pids(), () =>
      step(context.progress, what, async (tell) => {
        await crew.during(() => work(tell));
        seconds = (performance.now() - begun) / 1_000;
        await this.watch.quiet(tell);
      }),
    );
    return { seconds, quietSeconds: (performance.now() - begun) / 1_000, cpu };
  }

  /** @throws Error unless the deployments reached that many devices, and each has its own evidence */
  async expect(ids: readonly string[], devices: number): Promise<void> {
    const { installed, evidence } = await this.watch.outcome(ids);
    if (installed !== devices || evidence !== ids.length)
      throw new Error(
        `${installed} of ${devices} devices installed, evidence of ${evidence} of ${ids.length}`,
      );
  }

  #pids(): Record<'api' | 'worker' | 'packaging' | 'postgres' | 'temporal', number> {
    const { platform } = this.#parts;
    const pid = (name: 'api' | 'worker' | 'packaging' | 'postgres' | 'temporal'): number =>
      platform.pid(name) ?? 0;
    return {
      api: pid('api'),
      worker: pid('worker'),
      packaging: pid('packaging'),
      postgres: pid('postgres'),
      temporal: pid('temporal'),
    };
  }
}
