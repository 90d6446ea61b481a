import { PortChooser } from '../../cli/engines/ports.ts';
import type { Progress } from '../../cli/engines/progress.ts';
import { type RunningPlatform, startPlatform } from '../../cli/platform/start.ts';
import type { SimulationOptions } from '../options.ts';

export interface SimulatedPlatform {
  readonly running: RunningPlatform;
  /** Where a proxy that ends TLS reaches the API. */
  readonly proxyUrl: string;
}

/**
 * Starts the embedded platform as it ships, on free ports, with a listener for proxies on loopback. Limits by address
 * are raised, because here the whole fleet has one; the log is for warnings, as behind any load.
 */
export async function startSimulatedPlatform(
  options: Pick<SimulationOptions, 'heartbeatMs' | 'telemetryMs' | 'offlineAfterMs'> & { dataDir: string },
  progress: Progress,
  signal: AbortSignal,
): Promise<SimulatedPlatform> {
  const proxyPort = await new PortChooser().choose(0);
  const seconds = (ms: number): string => String(Math.max(1, Math.round(ms / 1_000)));
  const running = await startPlatform({
    dataDir: options.dataDir,
    ports: { operator: 0, agent: 0, postgres: 0, temporal: 0, temporalUi: 0, workerHealth: 0 },
    progress,
    signal,
    env: {
      DATABASE_URL: '',
      TEMPORAL_ADDRESS: '',
      EUCORA_DATA_DIR: '',
      EUCORA_LOG_LEVEL: 'warn',
      EUCORA_AGENT_PROXY_HOST: '127.0.0.1',
      EUCORA_AGENT_PROXY_PORT: String(proxyPort),
      EUCORA_TRUSTED_PROXIES: '127.0.0.0/8',
      EUCORA_HEARTBEAT_INTERVAL_SECONDS: seconds(options.heartbeatMs),
      EUCORA_TELEMETRY_INTERVAL_SECONDS: seconds(options.telemetryMs),
      EUCORA_OFFLINE_AFTER_SECONDS: seconds(options.offlineAfterMs),
      EUCORA_ENROLMENTS_PER_MINUTE: '1000000',
      EUCORA_REQUESTS_PER_MINUTE: '6000',
    },
  });
  return { running, proxyUrl: `http://127.0.0.1:${proxyPort}` };
}
