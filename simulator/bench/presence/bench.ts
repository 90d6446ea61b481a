import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { step } from '../../../cli/engines/progress.ts';
import type { RunningPlatform } from '../../../cli/platform/start.ts';
import { agentPresenceWorkflowId, PRESENCE_SHARDS } from '../../../contracts/temporal.ts';
import { openDatabase } from '../../../db/database.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { seedAgents } from '../checkins/seed.ts';
import { cpuDuring, perThousand } from '../measure/cpu.ts';
import { startBenchPlatform } from '../parts/platform.ts';
import { scratchFolder } from '../parts/scratch.ts';

/** Short, so that a run is; what is measured begins when an agent is due. */
const OFFLINE_AFTER_S = 30;
const HEARTBEAT_S = 10;
/** As they are by default: what a minute in which nothing fails costs follows from them. */
const DEFAULT_SILENCE_S = 300;
const DEFAULT_HEARTBEAT_S = 60;

interface Lateness {
  readonly agents: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  /** From the first agent's due moment until the last was OFFLINE. */
  readonly seconds: number;
}

/** How late agents that fell silent are shown OFFLINE, and what watching costs while none does. */
export const presence = defineBench({
  name: 'presence',
  summary: 'agents that fall silent: how late they are OFFLINE, against the bare UPDATE of the same rows',
  options: {
    agents: { default: 100_000, help: 'agents in the database' },
    spread: {
      default: 60,
      help: 'seconds over which silent agents are due, as their heartbeats were spread',
    },
    lead: { default: 15, help: 'seconds until the first is due: time to write the others' },
    looks: { default: 20, help: 'looks at the fleet while nothing fails' },
  },
  async run(options, context) {
    const folder = await scratchFolder(context.cleanup);
    const platform = await startBenchPlatform(context, folder, {
      env: {
        EUCORA_OFFLINE_AFTER_SECONDS: String(OFFLINE_AFTER_S),
        EUCORA_HEARTBEAT_INTERVAL_SECONDS: String(HEARTBEAT_S),
        EUCORA_LOG_LEVEL: 'warn',
      },
    });
    const { pool, close } = openDatabase({
      url: platform.databaseUrl,
      poolSize: 3,
      applicationName: 'eucora-bench',
    });
    context.cleanup.add(close);
    const connection = await Connection.connect({
      address: platform.endpoints.temporal_address,
      interceptors: [],
    });
    context.cleanup.add(() => connection.close());
    const fleet = new SilentFleet(pool, new Client({ connection }), platform, options.lead);
    await step(context.progress, `Writing ${options.agents} agents`, () =>
      seedAgents(platform.databaseUrl, options.agents, 0),
    );
    const looking = await step(context.progress, `${options.looks} looks while nothing fails`, () =>
      fleet.look(options.looks),
    );
    const few = Math.max(1, Math.round(options.agents / 1_000));
    const silent = (what: string, count: number, spread: number) =>
      step(context.progress, what, () => fleet.silence(count, spread, context));
    const one = await silent('One in a thousand falls silent', few, options.spread);
    const all = await silent(
      'All fall silent, as their heartbeats were spread',
      options.agents,
      options.spread,
    );
    const burst = await silent('All are due in one moment', options.agents, 0);
    const floorSeconds = await step(context.progress, 'The bare UPDATE', () => fleet.bareUpdate());
    const rate = options.agents / burst.lateness.seconds;
    const looksAMinute = 60 / (DEFAULT_SILENCE_S - DEFAULT_HEARTBEAT_S);
    const lookSeconds = Object.values(looking).reduce((sum, used) => sum + used, 0) / options.looks;
    return {
      rate,
      floor_rate: options.agents / floorSeconds,
      ratio: rate / (options.agents / floorSeconds),
      cpu_s_per_1000: perThousand(burst.cpu, options.agents),
      p50_ms: all.lateness.p50_ms,
      p99_ms: all.lateness.p99_ms,
      all_silent: all.lateness,
      one_in_a_thousand: one.lateness,
      due_in_one_moment: burst.lateness,
      cpu_s_per_look_at_the_fleet: lookSeconds,
      quiet_minute_core_percent: (lookSeconds * looksAMinute * 100) / 60,
    };
  },
});

type Cpu = Readonly<Record<string, number>>;

class SilentFleet {
  readonly #pool: Pool;
  readonly #client: Client;
  readonly #platform: RunningPlatform;
  readonly #leadSeconds: number;

  constructor(pool: Pool, client: Client, platform: RunningPlatform, leadSeconds: number) {
    this.#pool = pool;
    this.#client = client;
    this.#platform = platform;
    this.#leadSeconds = leadSeconds;
  }

  /** Has every shard look `times` times while nobody is due. @returns CPU-seconds beyond what idle processes use */
  async look(times: number): Promise<Cpu> {
    await this.#reset('0');
    await this.#wake();
    await delay(2_000);
    const idle = await cpuDuring(this.#pids(), () => delay(times * 500));
    const busy = await cpuDuring(this.#pids(), async () => {
      for (let n = 0; n < times; n += 1) {
        await this.#wake();
        await delay(500);
      }
    });
    return Object.fromEntries(
      Object.entries(busy.seconds).map(([name, used]) => [
        name,
        Math.max(0, used - (idle.seconds[name as 'worker'] ?? 0)),
      ]),
    );
  }

  /** Lets `count` agents fall silent so that they are due over `spreadSeconds`, and waits until all are OFFLINE. */
  async silence(
    count: number,
    spreadSeconds: number,
    { signal }: BenchContext,
  ): Promise<{ lateness: Lateness; cpu: Cpu }> {
    await this.#reset(
      `CASE WHEN n <= ${count} THEN ${this.#leadSeconds - OFFLINE_AFTER_S} + ${spreadSeconds} * random() ELSE 3600 END`,
    );
    await this.#wake();
    const { result, seconds } = await cpuDuring(this.#pids(), async () => {
      for (;;) {
        signal.throwIfAborted();
        const lateness = await this.#lateness();
        if (lateness.agents >= count) return lateness;
        await delay(1_000);
      }
    });
    return { lateness: result, cpu: seconds };
  }

  /** Seconds that Postgres takes to mark all agents in both tables, by two statements and one commit. */
  async bareUpdate(): Promise<number> {
    await this.#reset('3600');
    const client = await this.#pool.connect();
    try {
      const begun = performance.now();
      await client.query('BEGIN');
      await client.query(`UPDATE agent_presence SET status = 'OFFLINE'`);
      await client.query(`UPDATE agent SET status = 'OFFLINE', offline_since = now(), updated_at = now()`);
      await client.query('COMMIT');
      return (performance.now() - begun) / 1_000;
    } finally {
      client.release();
    }
  }

  /** All are ONLINE and were heard `ahead` seconds from now (SQL over `n`, their number). */
  async #reset(ahead: string): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query(`UPDATE agent SET status = 'ONLINE', offline_since = NULL WHERE status <> 'ONLINE'`);
      await client.query('VACUUM agent');
      await client.query('VACUUM agent_presence');
      await client.query(
        `UPDATE agent_presence p SET status = 'ONLINE', last_heartbeat_at = clock_timestamp() + make_interval(secs => ahead)
         FROM (SELECT agent_id, ${ahead} AS ahead FROM (
           SELECT agent_id, row_number() OVER (ORDER BY hashtext(agent_id::text)) AS n FROM agent_presence) numbered) chosen
         WHERE p.agent_id = chosen.agent_id`,
      );
      await client.query('VACUUM (ANALYZE) agent_presence');
      await client.query('CHECKPOINT');
    } finally {
      client.release();
    }
  }

  async #lateness(): Promise<Lateness> {
    const { rows } = await this.#pool.query<Lateness>(
      `SELECT count(*) AS agents, percentile_disc(0.5) WITHIN GROUP (ORDER BY late) AS p50_ms,
         percentile_disc(0.99) WITHIN GROUP (ORDER BY late) AS p99_ms, max(late) AS max_ms,
         extract(epoch FROM max(offline_since) - min(due))::float8 AS seconds
       FROM (SELECT a.offline_since, due, (extract(epoch FROM a.offline_since - due) * 1000)::float8 AS late
         FROM agent a JOIN agent_presence p ON p.agent_id = a.id
         CROSS JOIN LATERAL (SELECT p.last_heartbeat_at + make_interval(secs => ${OFFLINE_AFTER_S}) AS due) d
         WHERE a.status = 'OFFLINE') silent`,
    );
    return rows[0] ?? { agents: 0, p50_ms: 0, p99_ms: 0, max_ms: 0, seconds: 0 };
  }

  async #wake(): Promise<void> {
    for (let shard = 0; shard < PRESENCE_SHARDS; shard += 1)
      await this.#client.workflow.getHandle(agentPresenceWorkflowId(shard)).signal('wake');
  }

  #pids(): Record<'worker' | 'postgres' | 'temporal', number> {
    return {
      worker: this.#platform.pid('worker') ?? 0,
      postgres: this.#platform.pid('postgres') ?? 0,
      temporal: this.#platform.pid('temporal') ?? 0,
    };
  }
}
