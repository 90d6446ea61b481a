import { connect } from 'node:http2';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { makeDirectory } from './files.ts';
import type { Escalation } from './processes.ts';
import { type LaunchHooks, launchEngine, type RunningProcess } from './running.ts';

export interface TemporalDevOptions extends LaunchHooks {
  readonly binary: string;
  /** SQLite file; without it all is forgotten at the end. */
  readonly dbFile?: string | undefined;
  readonly port: number;
  /** Web UI's port; without it there is none. */
  readonly uiPort?: number | undefined;
  readonly logFile: string;
  /** Made when missing, besides 'default'. */
  readonly namespace?: string | undefined;
  /** Days that closed workflows are kept. Default 30. */
  readonly retentionDays?: number;
  /** Values of Temporal's dynamic configuration, in JSON. */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  /** Milliseconds. Default 60,000. */
  readonly readyTimeoutMs?: number;
}

export interface RunningTemporal extends RunningProcess {
  /** host:port of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | undefined;
}

/** A single-user server: its guards against noisy neighbours would only slow down a large test or simulation. */
const DYNAMIC_CONFIG: Readonly<Record<string, string>> = {
  'frontend.namespaceRPS': '20000',
  'frontend.namespaceRPS.visibility': '1000',
  'frontend.rps': '20000',
  'matching.enableFairness': 'true',
  'system.forceSearchAttributesCacheRefreshOnRead': 'true',
};

const ESCALATION: Escalation = [
  ['SIGTERM', 10_000],
  ['SIGKILL', 5_000],
];

/** gRPC's client keeps calling whoever holds the port, even when closed: it is let loose only on one that speaks HTTP/2. */
async function speaksHttp2(address: string): Promise<void> {
  const session = connect(`http://${address}`);
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('remoteSettings', () => resolve());
      session.once('error', reject);
      session.once('close', () => reject(new Error(`${address} closed the connection`)));
      session.setTimeout(1_000, () => reject(new Error(`${address} does not answer`)));
    });
  } finally {
    session.destroy();
  }
}

/** A call that only a server with its namespace ready answers; sets how long closed workflows are kept on the way. */
async function prepareNamespace(address: string, namespace: string, retentionDays: number): Promise<void> {
  await speaksHttp2(address);
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    const seconds = retentionDays * 86_400;
    const { config } = await connection.withDeadline(Date.now() + 5_000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === seconds) return;
    await connection.withDeadline(Date.now() + 5_000, () =>
      connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: { seconds: seconds as never } },
      }),
    );
  } finally {
    await connection.close();
  }
}

function withoutTemporalVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/**
 * Starts Temporal's development server on 127.0.0.1 and returns when its namespace answers.
 * @throws EngineError with the end of its log when it does not come up.
 */
export async function startTemporalDev(options: TemporalDevOptions): Promise<RunningTemporal> {
  const address = `127.0.0.1:${options.port}`;
  const namespace = options.namespace ?? 'default';
  const store =
    options.dbFile === undefined
      ? []
      : // Many commits a second: a write-ahead log needs no flush for each, and loses nothing when only we die.
        [
          '--db-filename',
          options.dbFile,
          '--sqlite-pragma',
          'journal_mode=wal',
          '--sqlite-pragma',
          'synchronous=normal',
        ];
  const ui = options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)];
  const values = { ...DYNAMIC_CONFIG, ...options.dynamicConfig };
  await makeDirectory(dirname(options.logFile), 0o700);
  const running = await launchEngine({
    name: 'Temporal',
    file: options.binary,
    args: [
      ...[
        'server',
        'start-dev',
        '--ip',
        '127.0.0.1',
        '--port',
        String(options.port),
        '--namespace',
        namespace,
      ],
      ...['--log-format', 'json', '--log-level', 'warn'],
      ...store,
      ...ui,
      ...Object.entries(values).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
    ],
    // Its own variables would point the server's command line at another server.
    spawn: { env: withoutTemporalVariables(process.env), cwd: dirname(options.logFile) },
    logFile: options.logFile,
    ports: options.uiPort === undefined ? [options.port] : [options.port, options.uiPort],
    escalation: ESCALATION,
    guardSignal: 'TERM',
    probe: () => prepareNamespace(address, namespace, options.retentionDays ?? 30),
    readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    signal: options.signal,
  });
  const uiUrl = options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`;
  return { ...running, address, uiUrl };
}
