import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { PortChooser } from '../../cli/engines/ports.ts';
import {
  ensurePostgres,
  type RunningPostgres,
  startPostgres,
  TEST_SETTINGS,
} from '../../cli/engines/postgres.ts';
import type { Progress } from '../../cli/engines/progress.ts';
import {
  ensureTemporalCli,
  type RunningTemporal,
  startTemporalDev,
  type TemporalDevOptions,
} from '../../cli/engines/temporal.ts';
import { ensureTimeSkippingServer } from '../../cli/engines/time-skipping.ts';
import { lastingPort } from './ports.ts';

/** Only what takes long is told: a test run's output belongs to the tests. */
export const quietProgress: Progress = ({ state, message, elapsedMs }) => {
  if (state === 'warn' || (state === 'running' && elapsedMs > 2_500)) {
    process.stderr.write(`${message} (${Math.round(elapsedMs / 1_000)} s)\n`);
  }
};

/** One attempt may lose its port to another process between choosing and opening it. */
async function withPorts<T>(count: number, start: (ports: readonly number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const chooser = new PortChooser();
    const ports: number[] = [];
    while (ports.length < count) ports.push(await chooser.choose(lastingPort()));
    try {
      return await start(ports);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

export interface ScratchPostgres extends RunningPostgres {
  /** Stops it and removes its data. */
  dispose(): Promise<void>;
}

/** A Postgres of its own, without protection against loss of power. Started and disposed by whoever calls. */
export async function scratchPostgres(): Promise<ScratchPostgres> {
  const binaries = await ensurePostgres(quietProgress);
  const folder = await mkdtemp(join(tmpdir(), 'eucora-test-'));
  // As root, Postgres' own user must pass.
  await chmod(folder, 0o711);
  const running = await withPorts(1, ([port = 0]) =>
    startPostgres({
      binaries,
      dataDir: join(folder, 'data', 'postgres'),
      logFile: join(folder, 'postgres.log'),
      port,
      settings: TEST_SETTINGS,
    }),
  );
  return {
    ...running,
    dispose: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The URL of the Postgres that serves the whole test run (as superuser); databases in it are made by the caller.
 * @throws when the run was not started by Jest with the project's globalSetup.
 */
export function testPostgres(): string {
  const url = process.env['EUCORA_TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('EUCORA_TEST_POSTGRES_URL is not set: globalSetup did not run');
  return url;
}

/**
 * Temporal's test server that skips time; `teardown()` it. Its clock is global: one environment per file, and only
 * `env.client` skips. No visibility, no schedules. The choice of server stays behind this function.
 */
export async function timeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const path = await ensureTimeSkippingServer(quietProgress);
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
    } catch (error) {
      // The SDK gives it 5 s, which a busy machine may exceed, and exceed again.
      if (Date.now() > end) throw error;
    }
  }
}

export interface DevServer extends RunningTemporal {
  /** Clients and workers on it, in real time. */
  environment(): Promise<TestWorkflowEnvironment>;
  /** Starts it again on the same port, after `kill` or `stop`; with a `dbFile` nothing is forgotten. */
  again(): Promise<DevServer>;
  /** Stops it and removes its files. */
  dispose(): Promise<void>;
}

type DevServerOptions = Pick<TemporalDevOptions, 'namespace' | 'dynamicConfig' | 'retentionDays'> & {
  /** Keeps workflows in a file, so that the server can be killed and started again. Default: in memory. */
  readonly durable?: boolean;
  readonly ui?: boolean;
};

/** Temporal's real development server: for visibility, schedules, search attributes, kill and restart. */
export async function devServer(options: DevServerOptions = {}): Promise<DevServer> {
  const binary = await ensureTemporalCli(quietProgress);
  const folder = await mkdtemp(join(tmpdir(), 'eucora-temporal-'));
  const { durable, ui, ...rest } = options;
  const start = (port: number, uiPort: number): Promise<RunningTemporal> =>
    startTemporalDev({
      ...rest,
      binary,
      port,
      uiPort: ui === true ? uiPort : undefined,
      dbFile: durable === true ? join(folder, 'temporal.db') : undefined,
      logFile: join(folder, 'temporal.log'),
    });
  const wrap = (running: RunningTemporal, ports: readonly [number, number]): DevServer => ({
    ...running,
    environment: () =>
      TestWorkflowEnvironment.createFromExistingServer({
        address: running.address,
        namespace: options.namespace ?? 'default',
      }),
    again: async () => wrap(await start(...ports), ports),
    dispose: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  });
  return withPorts(2, async ([port = 0, uiPort = 0]) => wrap(await start(port, uiPort), [port, uiPort]));
}
