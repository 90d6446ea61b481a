import { execFile } from 'node:child_process';
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { stringify } from 'yaml';
import { EngineError } from '../../../cli/engines/errors.ts';
import { PortChooser } from '../../../cli/engines/ports.ts';
import { step } from '../../../cli/engines/progress.ts';
import { launchEngine, type RunningProcess } from '../../../cli/engines/running.ts';
import type { BenchContext } from '../bench.ts';
import { freePorts } from './scratch.ts';

const run = promisify(execFile);
const VERSION = 'v1.29.1';
const DATABASES = { temporal: 'temporal', temporal_visibility: 'visibility' } as const;

export interface TemporalServerOptions {
  /** Of a Postgres whose user may make databases. */
  readonly postgresUrl: string;
  readonly folder: string;
  /** History shards; fixed for the life of a cluster. */
  readonly shards: number;
  /** Dynamic configuration. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

export interface TemporalServer extends RunningProcess {
  readonly address: string;
}

/** Temporal's production server with its four services in one process, its state in Postgres. */
export async function startTemporalServer(
  { progress, cleanup, signal }: BenchContext,
  { postgresUrl, folder, shards, settings = {} }: TemporalServerOptions,
): Promise<TemporalServer> {
  const server = await goProgram('server', 'go.temporal.io/server/cmd/server');
  const sql = await goProgram('sql', 'go.temporal.io/server/cmd/tools/sql');
  const postgres = new URL(postgresUrl);
  await step(progress, 'Making Temporal’s databases', async () => {
    for (const [database, schema] of Object.entries(DATABASES))
      await makeSchema(sql, postgres, database, schema);
  });
  // Membership ports are kept in a smallint: they must lie below those that systems give by themselves.
  const chooser = new PortChooser();
  const ports = await freePorts(4);
  while (ports.length < 8) ports.push(await chooser.choose(20_000 + Math.floor(Math.random() * 10_000)));
  const config = join(folder, 'temporal-config');
  await mkdir(config, { recursive: true, mode: 0o700 });
  await writeFile(join(config, 'dynamic.yaml'), dynamicConfig(settings), { mode: 0o600 });
  await writeFile(join(config, 'bench.yaml'), stringify(serverConfig(postgres, shards, ports, config)), {
    mode: 0o600,
  });
  const [frontend = 0] = ports;
  const address = `127.0.0.1:${frontend}`;
  const running = await step(progress, 'Starting Temporal on Postgres', () =>
    launchEngine({
      name: 'Temporal',
      file: server,
      args: ['--root', folder, '--config', 'temporal-config', '--env', 'bench', '--allow-no-auth', 'start'],
      spawn: { env: { PATH: process.env['PATH'] }, cwd: folder },
      logFile: join(folder, 'temporal-server.log'),
      // The others need not listen by then, and the worker service has no port for calls at all.
      ports: [frontend],
      escalation: [
        ['SIGTERM', 10_000],
        ['SIGKILL', 5_000],
      ],
      guardSignal: 'TERM',
      probe: () => ensureNamespace(address),
      readyTimeoutMs: 60_000,
      signal,
    }),
  );
  cleanup.add(() => running.stop());
  return { ...running, address };
}

/** A program that `go install` makes; where it lies by default, or on its way there. */
async function goProgram(name: string, source: string): Promise<string> {
  const path = join(process.env['GOBIN'] ?? join(homedir(), 'go', 'bin'), name);
  await access(path, constants.X_OK).catch(() => {
    throw new EngineError(`Temporal's production server is measured as well, and ${path} is missing`, {
      hint: `go install ${source}@${VERSION}`,
    });
  });
  return path;
}

async function makeSchema(sql: string, postgres: URL, database: string, schema: string): Promise<void> {
  const connection = [
    '--plugin',
    'postgres12',
    '--endpoint',
    postgres.hostname,
    '--port',
    postgres.port,
    '--user',
    postgres.username,
    '--database',
    database,
  ];
  const env = { PATH: process.env['PATH'], SQL_PASSWORD: decodeURIComponent(postgres.password) };
  for (const args of [
    ['create'],
    ['setup-schema', '--version', '0.0'],
    ['update-schema', '--schema-name', `postgresql/v12/${schema}`],
  ])
    await run(sql, [...connection, ...args], { env });
}

const dynamicConfig = (settings: NonNullable<TemporalServerOptions['settings']>): string =>
  stringify(Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, [{ value }]])));

function serverConfig(postgres: URL, shards: number, ports: readonly number[], folder: string): object {
  const store = (databaseName: string, maxConns: number) => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: postgres.host,
      connectProtocol: 'tcp',
      user: postgres.username,
      password: decodeURIComponent(postgres.password),
      maxConns,
      maxIdleConns: maxConns,
      maxConnLifetime: '1h',
    },
  });
  const names = ['frontend', 'history', 'matching', 'worker'];
  const services = Object.fromEntries(
    names.map((name, n) => [
      name,
      { rpc: { grpcPort: ports[n], membershipPort: ports[n + 4], bindOnIP: '127.0.0.1' } },
    ]),
  );
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: shards,
      datastores: { default: store('temporal', 30), visibility: store('temporal_visibility', 10) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services,
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${ports[0]}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    publicClient: { hostPort: `127.0.0.1:${ports[0]}` },
    dynamicConfigClient: { filepath: join(folder, 'dynamic.yaml'), pollInterval: '10s' },
  };
}

async function ensureNamespace(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.withDeadline(Date.now() + 5_000, async () => {
      await connection.workflowService
        .registerNamespace({
          namespace: 'default',
          workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
        })
        .catch((error: { code?: number }) => {
          // 6: it is there already.
          if (error.code !== 6) throw error;
        });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      // The frontend learns of a namespace some seconds after it was made.
      await connection.workflowService.listOpenWorkflowExecutions({ namespace: 'default' });
    });
  } finally {
    await connection.close();
  }
}
