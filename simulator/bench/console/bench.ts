import { step } from '../../../cli/engines/progress.ts';
import { defineBench } from '../bench.ts';
import { cpuDuring } from '../measure/cpu.ts';
import { newHistogram, percentile, record } from '../measure/latency.ts';
import { prepareDataFolder, startBenchApi } from '../parts/api.ts';
import { startChild } from '../parts/child.ts';
import { startBenchPostgres } from '../parts/postgres.ts';
import { scratchFolder } from '../parts/scratch.ts';
import { pagesOf } from './cases.ts';
import { seedConsole } from './seed.ts';
import { BrowserSession } from './session.ts';

const POSTGRES_SETTINGS = { shared_buffers: '512MB', max_wal_size: '4GB', maintenance_work_mem: '512MB' };
const WARM_UP = 5;
const GOAL_P95_MS = 100;
const GOAL_FIRST_PAGE_BYTES = 100_000;
const ASSETS = ['/console/assets/console.css', '/console/assets/console.js', '/console/assets/icon.svg'];

interface PageFigures {
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
  /** Of the HTML, not compressed. */
  readonly bytes: number;
  /** Of the API's process; the database's is in the figures of the whole. */
  readonly api_cpu_s_per_1000: number;
  readonly floor_p50_ms: number;
}

/**
 * Every page of the console by the real API, in a session that was logged in. The floor of each page is a table of the
 * same number of bytes by a bare Hono route with JSX, in a process of its own, asked in turns with ours.
 */
export const consolePages = defineBench({
  name: 'console',
  summary: 'pages of the console over a large fleet',
  options: {
    agents: { default: 100_000, help: 'agents in the database' },
    tasks: { default: 1_000_000, help: 'tasks in the database' },
    requests: { default: 60, help: 'requests for each page' },
  },
  run: async (options, context) => {
    const folder = await scratchFolder(context.cleanup);
    const { url, running, stores } = await startBenchPostgres(context, folder, POSTGRES_SETTINGS);
    const seeded = await step(
      context.progress,
      `Filling it with ${options.agents} agents and ${options.tasks} tasks`,
      (detail) => seedConsole(url, stores, options, detail),
    );
    await prepareDataFolder(folder);
    const api = await startBenchApi(context, { dataDir: folder, databaseUrl: url });
    const { token } = await stores.operatorTokens.create(
      { name: 'bench', scopes: ['admin'], expires_in_seconds: 86_400 },
      { type: 'system', id: 'bench' },
      'bench',
    );
    const ours = new BrowserSession(api.operatorPort, 2);
    context.cleanup.add(() => ours.close());
    await ours.logIn(token);
    const floor = startChild<'start', number>(context, 'bench/console/main.js');
    const bare = new BrowserSession(await floor.ask('start'), 2);
    context.cleanup.add(() => bare.close());
    const pages = pagesOf(seeded);
    const all = newHistogram();
    const byPage: Record<string, PageFigures> = {};
    const sums = { asked: 0, ours_ms: 0, floor_ms: 0 };
    const { seconds } = await cpuDuring(
      { api: api.process.pid, postgres: running.pid, floor: floor.pid },
      () =>
        step(context.progress, 'Asking for pages', async (detail) => {
          for (const [name, path] of Object.entries(pages)) {
            context.signal.throwIfAborted();
            detail(name);
            byPage[name] = await measurePage({
              path,
              requests: options.requests,
              ours,
              bare,
              all,
              sums,
              pid: api.process.pid,
            });
          }
        }),
    );
    const worst = Object.entries(byPage).sort(([, a], [, b]) => b.p95_ms - a.p95_ms)[0];
    const first = await firstPage(ours);
    const perThousand = (used: number): number => (used * 1_000) / sums.asked;
    return {
      rate: (sums.asked * 1_000) / sums.ours_ms,
      floor_rate: (sums.asked * 1_000) / sums.floor_ms,
      ratio: sums.floor_ms / sums.ours_ms,
      cpu_s_per_1000: { api: perThousand(seconds.api), postgres: perThousand(seconds.postgres) },
      floor_cpu_s_per_1000: { floor: perThousand(seconds.floor) },
      p50_ms: percentile(all, 50),
      p95_ms: percentile(all, 95),
      p99_ms: percentile(all, 99),
      goal_p95_ms: GOAL_P95_MS,
      worst_page: worst?.[0],
      worst_p95_ms: worst?.[1].p95_ms,
      first_page_bytes: first,
      goal_first_page_bytes: GOAL_FIRST_PAGE_BYTES,
      goal_met:
        Object.values(byPage).every(({ p95_ms }) => p95_ms < GOAL_P95_MS) &&
        first.plain < GOAL_FIRST_PAGE_BYTES,
      pages: byPage,
    };
  },
});

interface Measured {
  readonly path: string;
  readonly requests: number;
  readonly ours: BrowserSession;
  readonly bare: BrowserSession;
  readonly all: ReturnType<typeof newHistogram>;
  readonly sums: { asked: number; ours_ms: number; floor_ms: number };
  readonly pid: number;
}

/** One page, ours and a bare one of its size in turns. */
async function measurePage({ path, requests, ours, bare, all, sums, pid }: Measured): Promise<PageFigures> {
  const { bytes } = await ours.get(path);
  const rows = await rowsFor(bare, bytes);
  const mine = newHistogram();
  const theirs = newHistogram();
  const timed = async (get: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await get();
    return performance.now() - begun;
  };
  for (let turn = 0; turn < WARM_UP; turn += 1) await ours.get(path);
  const { seconds } = await cpuDuring({ api: pid }, async () => {
    for (let turn = 0; turn < requests; turn += 1) {
      const own = await timed(() => ours.get(path));
      const least = await timed(() => bare.get(`/page/${rows}`));
      record(mine, own);
      record(all, own);
      record(theirs, least);
      sums.asked += 1;
      sums.ours_ms += own;
      sums.floor_ms += least;
    }
  });
  return {
    p50_ms: percentile(mine, 50),
    p95_ms: percentile(mine, 95),
    p99_ms: percentile(mine, 99),
    bytes,
    api_cpu_s_per_1000: (seconds.api * 1_000) / requests,
    floor_p50_ms: percentile(theirs, 50),
  };
}

/** Rows of which the bare page has as many bytes. */
async function rowsFor(bare: BrowserSession, bytes: number): Promise<number> {
  const [none, hundred] = [(await bare.get('/page/0')).bytes, (await bare.get('/page/100')).bytes];
  return Math.max(0, Math.round(((bytes - none) * 100) / (hundred - none)));
}

/** Of the fleet's page with all that it loads, as it is and as browsers ask for it. */
async function firstPage(session: BrowserSession): Promise<{ plain: number; compressed: number }> {
  const sizes = { plain: 0, compressed: 0 };
  for (const path of ['/console', ...ASSETS]) {
    sizes.plain += (await session.get(path)).bytes;
    sizes.compressed += (await session.get(path, 'gzip')).bytes;
  }
  return sizes;
}
