import pg from 'pg';
import { Pool as HttpPool } from 'undici';
import { step } from '../../../cli/engines/progress.ts';
import { parseConfig } from '../../../contracts/config.ts';
import { openDatabase } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { createStores } from '../../../db/stores/index.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { cpuDuring } from '../measure/cpu.ts';
import { newHistogram, percentile, record } from '../measure/latency.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { scratchFolder } from '../parts/scratch.ts';
import { type ListCase, listCases, pagePath } from './cases.ts';
import { seedFleet } from './seed.ts';

const POSTGRES_SETTINGS = { shared_buffers: '1GB', max_wal_size: '8GB', maintenance_work_mem: '512MB' };
const WARM_UP = 10;
/** Tables of fewer rows may be read from end to end. */
const LARGE_ROWS = 10_000;

interface CaseFigures {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

/**
 * Each list of the operators by the real API, first pages and deep ones in turns. The floor is one page of agents read
 * by primary key over a bare connection: what Postgres and its driver alone take for such a page.
 */
export const lists = defineBench({
  name: 'lists',
  summary: 'operators’ lists and the summary of a large fleet',
  options: {
    agents: { default: 1_000_000, help: 'agents in the database' },
    tasks: { default: 10_000_000, help: 'tasks in the database' },
    requests: { default: 200, help: 'requests for each list' },
    database: { default: '', help: 'URL of a database that was filled before, instead of a new one' },
  },
  run: async (options, context) => {
    const folder = await scratchFolder(context.cleanup);
    const { url, pids } = await filledDatabase(options, context, folder);
    const database = openDatabase({ url, poolSize: 3, applicationName: 'eucora-bench' });
    context.cleanup.add(() => database.close());
    const stores = createStores(database, parseConfig({ DATABASE_URL: url, EUCORA_DATA_DIR: folder }));
    await prepareDataFolder(folder);
    const api = await startBenchApi(context, { dataDir: folder, databaseUrl: url });
    const { token } = await stores.operatorTokens.create(
      { name: 'bench', scopes: ['viewer'], expires_in_seconds: 86_400 },
      { type: 'system', id: 'bench' },
      'bench',
    );
    const cases = await listCases(database.pool);
    const http = new HttpPool(`http://127.0.0.1:${api.operatorPort}`, { connections: 2 });
    context.cleanup.add(() => http.close());
    const get = async (path: string): Promise<void> => {
      const answer = await http.request({
        path,
        method: 'GET',
        headers: { authorization: `Bearer ${token}` },
      });
      const body = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${body}`);
    };
    const before = await sequentialReads(database.pool);
    const all = newHistogram();
    const byCase: Record<string, CaseFigures> = {};
    const begun = performance.now();
    const { seconds } = await cpuDuring({ api: api.process.pid, ...pids }, () =>
      step(context.progress, 'Asking for lists', async (detail) => {
        for (const one of cases) {
          context.signal.throwIfAborted();
          detail(one.name);
          byCase[one.name] = await measureCase(one, options.requests, get, all);
        }
      }),
    );
    const asked = cases.length * (options.requests + WARM_UP);
    const rate = (asked * 1_000) / (performance.now() - begun);
    const floorRate = await pagesBySecond(url, options.requests * 10);
    const worst = Object.entries(byCase).sort(([, a], [, b]) => b.p99_ms - a.p99_ms)[0];
    return {
      rate,
      floor_rate: floorRate,
      ratio: rate / floorRate,
      cpu_s_per_1000: Object.fromEntries(
        Object.entries(seconds).map(([name, used]) => [name, (used * 1_000) / asked]),
      ),
      p50_ms: percentile(all, 50),
      p99_ms: percentile(all, 99),
      worst_list: worst?.[0],
      worst_p99_ms: worst?.[1].p99_ms,
      sequential_reads: await difference(database.pool, before),
      lists: byCase,
    };
  },
});

/** A database with a fleet in it, and the process behind it when it is ours. */
async function filledDatabase(
  options: { readonly agents: number; readonly tasks: number; readonly database: string },
  context: BenchContext,
  folder: string,
): Promise<{ url: string; pids: Readonly<Record<string, number>> }> {
  if (options.database !== '') {
    const database = openDatabase({ url: options.database, poolSize: 2, applicationName: 'eucora-bench' });
    await migrate(database.pool).finally(() => database.close());
    return { url: options.database, pids: {} };
  }
  const { url, running } = await startBenchPostgres(context, folder, POSTGRES_SETTINGS);
  await step(
    context.progress,
    `Filling it with ${options.agents} agents and ${options.tasks} tasks`,
    (detail) => seedFleet(url, options, detail),
  );
  return { url, pids: { postgres: running.pid } };
}

/** First pages and deep ones in turns, two at a time. */
async function measureCase(
  one: ListCase,
  requests: number,
  get: (path: string) => Promise<void>,
  all: ReturnType<typeof newHistogram>,
): Promise<CaseFigures> {
  const histogram = newHistogram();
  let next = 0;
  const ask = async (): Promise<void> => {
    while (next < requests + WARM_UP) {
      const turn = next;
      next += 1;
      const begun = performance.now();
      await get(pagePath(one, turn, turn % 2 === 0 ? undefined : one.deep[(turn >> 1) % one.deep.length]));
      const milliseconds = performance.now() - begun;
      if (turn < WARM_UP) continue;
      record(histogram, milliseconds);
      record(all, milliseconds);
    }
  };
  await Promise.all([ask(), ask()]);
  return {
    p50_ms: percentile(histogram, 50),
    p99_ms: percentile(histogram, 99),
    max_ms: percentile(histogram, 100),
  };
}

/** Pages of 50 agents by primary key a second, two at a time, over bare connections. */
async function pagesBySecond(url: string, pages: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  try {
    const text = `SELECT a.*, p.last_heartbeat_at, p.last_error FROM agent a JOIN agent_presence p ON p.agent_id = a.id
      WHERE a.id < $1 ORDER BY a.id DESC LIMIT 51`;
    const begun = performance.now();
    const read = async (): Promise<void> => {
      const client = await pool.connect();
      let cursor = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      for (let page = 0; page < pages / 2; page += 1) {
        const { rows } = await client.query<{ id: string }>({ name: 'page', text, values: [cursor] });
        cursor = rows.at(-1)?.id ?? 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      }
      client.release();
    };
    await Promise.all([read(), read()]);
    return (pages * 1_000) / (performance.now() - begun);
  } finally {
    await pool.end();
  }
}

/** How often each large table was read from end to end so far. */
async function sequentialReads(pool: pg.Pool): Promise<Map<string, number>> {
  // Postgres' processes report at the end of a transaction, but not more than once a second.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const { rows } = await pool.query<{ table: string; reads: number }>(
    `SELECT s.relname AS table, s.seq_scan AS reads FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
     WHERE c.reltuples > $1`,
    [LARGE_ROWS],
  );
  return new Map(rows.map(({ table, reads }) => [table, reads]));
}

async function difference(
  pool: pg.Pool,
  before: ReadonlyMap<string, number>,
): Promise<Record<string, number>> {
  const after = await sequentialReads(pool);
  return Object.fromEntries(
    [...after].flatMap(([table, reads]) => {
      const more = reads - (before.get(table) ?? 0);
      return more > 0 ? [[table, more]] : [];
    }),
  );
}
