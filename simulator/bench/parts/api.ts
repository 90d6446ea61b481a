import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { step, warn } from '../../../cli/engines/progress.ts';
import type { RunningProcess } from '../../../cli/engines/running.ts';
import { launchNode } from '../../../cli/platform/node-process.ts';
import { builtEntries } from '../../../cli/platform/paths.ts';
import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';
import { writePrivateFile } from '../../../runtime/files.ts';
import type { BenchContext } from '../bench.ts';
import { freePorts } from './scratch.ts';

export interface BenchApi {
  readonly process: RunningProcess;
  readonly agentPort: number;
  readonly proxyPort: number;
  readonly operatorPort: number;
}

/** What the platform's setup makes in the data folder, as far as the API alone needs it. */
export async function prepareDataFolder(dataDir: string): Promise<CertificateAuthority> {
  await CertificateAuthority.ensure(dataDir);
  await writePrivateFile(join(dataDir, 'tls-ticket-keys'), randomBytes(48));
  return CertificateAuthority.open(dataDir);
}

/**
 * Starts the built API as a process of its own, with a listener for proxies on loopback and without limits of requests.
 * Temporal is not there: the API only needs it to tell operators whether it is.
 *
 * @param env laid over its settings
 */
export async function startBenchApi(
  { progress, cleanup, signal }: BenchContext,
  platform: { readonly dataDir: string; readonly databaseUrl: string },
  env: Readonly<Record<string, string>> = {},
): Promise<BenchApi> {
  const [operatorPort = 0, agentPort = 0, proxyPort = 0] = await freePorts(3);
  const running = await step(progress, 'Starting the API', () =>
    launchNode({
      name: 'API',
      entry: builtEntries().api,
      logFile: join(platform.dataDir, `api-${agentPort}.log`),
      readyUrl: `http://127.0.0.1:${proxyPort}/health/ready`,
      ports: [operatorPort, agentPort, proxyPort],
      onTrouble: (line) => warn(progress, `API: ${line}`),
      signal,
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: platform.databaseUrl,
        EUCORA_DATA_DIR: platform.dataDir,
        EUCORA_OPERATOR_PORT: String(operatorPort),
        EUCORA_AGENT_PORT: String(agentPort),
        EUCORA_AGENT_PROXY_PORT: String(proxyPort),
        EUCORA_TRUSTED_PROXIES: '127.0.0.0/8',
        EUCORA_REQUESTS_PER_MINUTE: '1000000000',
        EUCORA_ENROLMENTS_PER_MINUTE: '1000000000',
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        ...env,
      },
    }),
  );
  cleanup.add(() => running.stop());
  return { process: running, agentPort, proxyPort, operatorPort };
}
