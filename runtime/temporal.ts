import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import type { Logger } from './logger.ts';

export interface TemporalSettings {
  readonly connection: ClientConnectConfig['connectionOptions'];
  readonly namespace: string;
}

/** Address, namespace, TLS and API key as Temporal's own environment variables name them (`TEMPORAL_*`). */
export function temporalSettings(
  environment: Readonly<Record<string, string | undefined>>,
): TemporalSettings {
  const env = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  ) as Record<string, string>;
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars: env,
    disableFile: true,
  });
  return { connection: connectionOptions, namespace: namespace ?? 'default' };
}

/** A client whose connection is made when it is first needed and made again when it breaks. */
export function openClient(settings: TemporalSettings): { client: Client; connection: Connection } {
  // Without the library's own retries: all callers try again by their own rules, and a retry that outlives the
  // connection would end the process.
  const connection = Connection.lazy({ ...settings.connection, interceptors: [] });
  return { client: new Client({ connection, namespace: settings.namespace }), connection };
}

/** Calls `connect` until it succeeds; says so in the log, with growing pauses of at most 5 s. */
export async function untilReachable<T>(
  what: string,
  logger: Logger,
  connect: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect();
    } catch (error) {
      signal?.throwIfAborted();
      logger.warn({ err: error, attempt }, `${what} cannot be reached yet`);
      await delay(Math.min(5_000, 250 * 2 ** attempt), undefined, { signal });
    }
  }
}
