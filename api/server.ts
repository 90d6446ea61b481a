import { getRequestListener } from '@hono/node-server';
import type { Client, Connection } from '@temporalio/client';
import type { Config } from '../contracts/config.ts';
import { openDatabase } from '../db/database.ts';
import type { Logger } from '../runtime/logger.ts';
import { createAgentApp, createOperatorApp } from './app.ts';
import { createDependencies } from './dependencies.ts';
import { createHeartbeatFastPath } from './fast-path/heartbeat.ts';
import { startFleetSampling } from './fleet-sampling.ts';
import { startIntakeBeat } from './intake-beat.ts';
import { type Listener, listenHttp, listenTls } from './listeners/listen.ts';
import { createAgentTlsServer } from './listeners/tls.ts';

export interface RunningApi {
  readonly operatorPort: number;
  readonly agentPort: number;
  readonly proxyPort: number | undefined;
  stop(): Promise<void>;
}

/** Starts all listeners of the API; resolves when they listen. */
export async function startApi(
  config: Config,
  temporal: { client: Client; connection: Connection },
  logger: Logger,
): Promise<RunningApi> {
  const database = openDatabase({
    url: config.DATABASE_URL,
    poolSize: config.EUCORA_DATABASE_POOL,
    applicationName: 'eucora-api',
    onError: (error) => logger.warn({ err: error }, 'A connection to Postgres broke'),
  });
  const listeners: Listener[] = [];
  const stopping = new AbortController();
  const closeAll = async () => {
    stopping.abort();
    await Promise.all(listeners.map((listener) => listener.close()));
    await database.close();
  };
  try {
    const deps = await createDependencies(config, database, temporal, logger, stopping.signal);
    const agentApp = createAgentApp(deps);
    const agentHandler = createHeartbeatFastPath(deps, getRequestListener(agentApp.fetch));
    const tls = await createAgentTlsServer(config, deps.authority);
    const agents = await listenTls(agentHandler, tls, config.EUCORA_AGENT_HOST, config.EUCORA_AGENT_PORT);
    listeners.push(agents);
    const operatorApp = createOperatorApp(deps, agentApp, () => `https://localhost:${agents.port}`);
    const operators = await listenHttp(
      getRequestListener(operatorApp.fetch),
      config.EUCORA_OPERATOR_HOST,
      config.EUCORA_OPERATOR_PORT,
    );
    listeners.push(operators);
    let proxies: Listener | undefined;
    if (config.EUCORA_AGENT_PROXY_PORT !== undefined) {
      proxies = await listenHttp(
        agentHandler,
        config.EUCORA_AGENT_PROXY_HOST,
        config.EUCORA_AGENT_PROXY_PORT,
      );
      listeners.push(proxies);
    }
    const stopSampling = startFleetSampling(deps.stores, logger);
    const stopBeat = startIntakeBeat(deps.stores.presence, logger, deps.stores.presence.intakeBeatMs);
    return {
      operatorPort: operators.port,
      agentPort: agents.port,
      proxyPort: proxies?.port,
      stop: async () => {
        stopBeat();
        stopSampling();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
