import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, messageOf } from '../engines/errors.ts';
import { makeDirectory } from '../engines/files.ts';
import { tryLock } from '../engines/lock.ts';
import { ensurePackagingTools } from '../engines/packaging-tools.ts';
import type { ProcessIdentity } from '../engines/processes.ts';
import { note, type Progress, silent, step, warn } from '../engines/progress.ts';
import type { LaunchHooks, RunningProcess } from '../engines/running.ts';
import { type Endpoints, removeEndpoints, writeEndpoints } from './endpoints.ts';
import { postgresLauncher, temporalLauncher } from './engines.ts';
import {
  callableHost,
  childEnvironment,
  type Environment,
  type PlatformPorts,
  setting,
} from './environment.ts';
import { boundLogs, rotateLog } from './logs.ts';
import { launchNode } from './node-process.ts';
import { builtEntries, dataDirectory, layoutOf, type PlatformEntries } from './paths.ts';
import { Ports } from './port-choice.ts';
import { type ProcessName, recordProcess, stopOrphans } from './run-records.ts';
import { runSetup } from './setup.ts';
import { Stack } from './stack.ts';
import { Supervised } from './supervised.ts';
import { WORKERS, type Worker, type WorkerName } from './workers.ts';

export interface PlatformOptions {
  /** Default: EUCORA_DATA_DIR or the user's data folder. */
  readonly dataDir?: string;
  /** Wanted ports; 0 takes any free one. Taken ones are moved and told. */
  readonly ports?: Partial<PlatformPorts>;
  /** Laid over this process' environment for all children. An empty value unsets. */
  readonly env?: Environment;
  readonly progress?: Progress;
  readonly entries?: Partial<PlatformEntries>;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Gives the start up; what was started by then is stopped. */
  readonly signal?: AbortSignal;
  /** Milliseconds API and workers get to drain. Default 20,000. */
  readonly drainMs?: number;
  readonly readyTimeoutMs?: number;
}

export interface RunningPlatform {
  readonly dataDir: string;
  readonly endpoints: Endpoints;
  /** The database the platform uses; holds a password. */
  readonly databaseUrl: string;
  /** Undefined while the process is down, or when it is not ours. */
  pid(name: ProcessName): number | undefined;
  /** Drains and ends everything: API and workers, then Temporal, then Postgres. */
  stop(): Promise<void>;
  /** Ends everything at once, by SIGKILL. */
  killAll(): Promise<void>;
  /** SIGKILL for one process; it stays down until `restart`. */
  kill(name: ProcessName): Promise<void>;
  /** Stops the process when it runs, starts it and waits until it is ready. */
  restart(name: ProcessName): Promise<void>;
}

/** Another start owns the data folder. */
export class AlreadyRunningError extends EngineError {
  readonly holder: ProcessIdentity;

  constructor(dataDir: string, holder: ProcessIdentity) {
    super(`the platform runs already on ${dataDir}: process ${holder.pid}`, {
      hint: 'Stop that one first (Ctrl-C, or SIGTERM to it), or give another EUCORA_DATA_DIR.',
    });
    this.name = 'AlreadyRunningError';
    this.holder = holder;
  }
}

/**
 * Starts the whole platform: engines (unless DATABASE_URL and TEMPORAL_ADDRESS name others), setup, API and workers;
 * returns when all are ready and `endpoints.json` is written. Processes that die later are started again.
 * @throws AlreadyRunningError, EngineError. Nothing is left running then.
 */
export async function startPlatform(options: PlatformOptions = {}): Promise<RunningPlatform> {
  const progress = options.progress ?? silent;
  const env: Environment = { ...process.env, ...options.env };
  const layout = layoutOf(options.dataDir ?? dataDirectory());
  const root = process.getuid?.() === 0;
  // Root's Postgres runs as another user, which must pass through to its own folder.
  await makeDirectory(layout.root, root ? 0o711 : 0o700);
  await makeDirectory(layout.run, 0o700);
  await makeDirectory(layout.logs, 0o700);
  const held = await tryLock(layout.lock);
  if (!('release' in held)) throw new AlreadyRunningError(layout.root, held.heldBy);
  const stack = new Stack();
  const unbound = boundLogs(layout.logs, {
    onError: (error) => warn(progress, `logs could not be rotated: ${messageOf(error)}`),
  });
  const release = async (): Promise<void> => {
    unbound();
    await held.release();
  };
  try {
    await removeEndpoints(layout.endpoints);
    await stopOrphans(layout.run, progress);
    return await start(options, progress, env, layout, stack, release);
  } catch (error) {
    await stack.end('stop', layout.run, progress);
    await release();
    throw error;
  }
}

async function start(
  options: PlatformOptions,
  progress: Progress,
  env: Environment,
  layout: ReturnType<typeof layoutOf>,
  stack: Stack,
  release: () => Promise<void>,
): Promise<RunningPlatform> {
  const entries = { ...builtEntries(), ...options.entries };
  const hosts = {
    operator: setting(env, 'EUCORA_OPERATOR_HOST') ?? '127.0.0.1',
    agent: setting(env, 'EUCORA_AGENT_HOST') ?? '127.0.0.1',
  };
  const { signal } = options;
  const externalDatabase = setting(env, 'DATABASE_URL');
  const externalTemporal = setting(env, 'TEMPORAL_ADDRESS');
  const ports = new Ports(options.ports ?? {}, env, progress);
  const wishes = {
    operator: ports.wanted('operator'),
    agent: ports.wanted('agent'),
    workerHealth: ports.wanted('workerHealth'),
  };

  const startPostgres =
    externalDatabase === undefined
      ? await postgresLauncher({ layout, progress, env, signal, settings: options.postgresSettings ?? {} })
      : undefined;
  const startTemporal =
    externalTemporal === undefined ? await temporalLauncher({ layout, progress, env, signal }) : undefined;
  const supervise = async (
    name: ProcessName,
    launch: (hooks: LaunchHooks) => Promise<RunningProcess>,
  ): Promise<void> => {
    const unit = new Supervised({
      name,
      progress,
      launch: (abort) => launch({ signal: abort, onSpawn: (pid) => recordProcess(layout.run, name, pid) }),
    });
    stack.units.set(name, unit);
    signal?.throwIfAborted();
    const giveUp = (): void => void unit.stop();
    signal?.addEventListener('abort', giveUp);
    try {
      await unit.start();
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    signal?.throwIfAborted();
  };

  let databaseUrl = externalDatabase ?? '';
  let temporalAddress = externalTemporal ?? '';
  let temporalUi = setting(env, 'TEMPORAL_UI_URL') ?? null;
  const engines: Promise<void>[] = [];
  if (startPostgres !== undefined) {
    const begin = async (): Promise<void> => {
      const port = await ports.choose('postgres', 'Postgres');
      await supervise('postgres', async (hooks) => {
        const running = await startPostgres(port, hooks);
        databaseUrl = running.url;
        return running;
      });
    };
    engines.push(step(progress, 'Starting Postgres', () => ports.retry(begin)));
  }
  if (startTemporal !== undefined) {
    const begin = async (): Promise<void> => {
      const port = await ports.choose('temporal', 'Temporal');
      const uiPort = await ports.choose('temporalUi', 'Temporal’s Web UI');
      await supervise('temporal', (hooks) => startTemporal(port, uiPort, hooks));
      temporalAddress = `127.0.0.1:${port}`;
      temporalUi = `http://127.0.0.1:${uiPort}`;
    };
    engines.push(step(progress, 'Starting Temporal', () => ports.retry(begin)));
  }
  await settle(engines);

  const environmentWith = (own: Pick<PlatformPorts, 'operator' | 'agent' | 'workerHealth'>): Environment =>
    childEnvironment(env, {
      layout,
      ports: own,
      operatorHost: hosts.operator,
      agentHost: hosts.agent,
      databaseUrl,
      temporalAddress,
      temporalUi,
      ownTemporal: externalTemporal === undefined,
    });
  await step(progress, 'Setting up', () =>
    runSetup({
      entry: entries.setup,
      env: environmentWith(wishes),
      logFile: join(layout.logs, 'setup.log'),
      progress,
      signal,
    }),
  );

  let operatorApi = '';
  let agentApi = '';
  const launchChild =
    (name: 'api' | WorkerName, origin: string, own: readonly number[], childEnv: Environment) =>
    async (hooks: LaunchHooks): Promise<RunningProcess> => {
      const logFile = join(layout.logs, `${name}.log`);
      await rotateLog(logFile);
      return launchNode({
        name,
        entry: entries[name],
        env: childEnv,
        logFile,
        readyUrl: `${origin}/health/ready`,
        ports: own,
        onTrouble: (line) => warn(progress, `${name}: ${line}`),
        ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
        ...(options.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: options.readyTimeoutMs }),
        ...hooks,
      });
    };
  const beginWorker = async ({ name, port, page }: Worker): Promise<void> => {
    const own = environmentWith(wishes);
    const childEnv =
      name === 'packaging'
        ? await withScanDatabase(await withPackagingTools(own, progress, signal), layout.root, progress)
        : own;
    let health: number | undefined;
    // Chosen at each launch: while it was down, another platform may have taken its port.
    await supervise(name, async (hooks) => {
      health = await ports.keep(health, port, page);
      const env = { ...childEnv, EUCORA_WORKER_HEALTH_PORT: String(health) };
      return launchChild(name, `http://127.0.0.1:${health}`, [health], env)(hooks);
    });
  };
  const beginApi = async (): Promise<void> => {
    const operator = await ports.choose('operator', 'the operator API', hosts.operator);
    const agent = await ports.choose('agent', 'the agent API', hosts.agent);
    operatorApi = `http://${callableHost(hosts.operator)}:${operator}`;
    agentApi = `https://localhost:${agent}`;
    await supervise(
      'api',
      launchChild('api', operatorApi, [operator, agent], environmentWith({ ...wishes, operator, agent })),
    );
  };
  await step(progress, 'Starting API and workers', () =>
    settle([...WORKERS.map((worker) => ports.retry(() => beginWorker(worker))), ports.retry(beginApi)]),
  );

  const endpoints: Endpoints = {
    operator_api: operatorApi,
    agent_api: agentApi,
    temporal_address: temporalAddress,
    temporal_ui: temporalUi,
    ca_certificate: layout.caCertificate,
    admin_token_file: layout.adminToken,
  };
  await writeEndpoints(layout.endpoints, endpoints);

  let ending: Promise<void> | undefined;
  const end = (how: 'stop' | 'kill'): Promise<void> => {
    const previous = ending;
    const now = (async () => {
      await removeEndpoints(layout.endpoints);
      await stack.end(how, layout.run, progress);
      await previous;
      await release();
    })();
    ending = now;
    return now;
  };
  return {
    dataDir: layout.root,
    endpoints,
    databaseUrl,
    pid: (name) => stack.units.get(name)?.current?.pid,
    stop: () => ending ?? end('stop'),
    killAll: () => end('kill'),
    kill: (name) => stack.unit(name).kill(),
    restart: (name) => stack.unit(name).restart(),
  };
}

/** Where nobody said otherwise the first scan tries Trivy's own source; that it has to is told once, at the start. */
async function withScanDatabase(env: Environment, dataDir: string, progress: Progress): Promise<Environment> {
  const folder = setting(env, 'EUCORA_TRIVY_CACHE_DIR') ?? join(dataDir, 'packaging', 'trivy');
  const there = await access(join(folder, 'db', 'trivy.db')).then(
    () => true,
    () => false,
  );
  const given = setting(env, 'EUCORA_TRIVY_REPOSITORY');
  const scansByTrivy = (setting(env, 'EUCORA_SCANNER') ?? 'trivy') === 'trivy';
  if (!there && given === undefined && scansByTrivy)
    note(
      progress,
      `packaging: no database of known weaknesses yet; the first scan fetches it from Trivy's own source. Without a network, put one into ${folder} (docs/packaging/TOOLS.md)`,
    );
  return { ...env, EUCORA_TRIVY_REPOSITORY: given ?? 'default' };
}

/** What the machine lacks of the packaging tools is fetched once; what cannot be had is told, and the worker runs without. */
async function withPackagingTools(
  env: Environment,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<Environment> {
  if (setting(env, 'EUCORA_PACKAGING_PATH') !== undefined) return env;
  const { path, missing } = await ensurePackagingTools(progress, {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
  for (const what of missing) warn(progress, `packaging: ${what}`);
  return { ...env, EUCORA_PACKAGING_PATH: path.join(',') };
}

/** Waits for all before it throws: a failed start must not race with another one that still goes on. */
async function settle(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
