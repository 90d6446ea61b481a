import type { Client, Connection } from '@temporalio/client';
import type { Config } from '../contracts/config.ts';
import type { Database } from '../db/database.ts';
import { IssuedCertificates } from '../db/stores/agent/issued-certificates.ts';
import { createStores } from '../db/stores/index.ts';
import { CertificateAuthority } from '../runtime/certificates/authority.ts';
import { openContentStore } from '../runtime/content-store/open.ts';
import type { Logger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { type Dependency, ReadinessProbe } from '../runtime/readiness.ts';
import type { ApiDependencies } from './context.ts';
import { OidcVerifier } from './identity/oidc.ts';
import { PeerVerifier } from './identity/peer.ts';
import { readTicketKeys } from './listeners/tls.ts';
import { parseBlocks } from './middleware/address.ts';
import { createLimits } from './middleware/rate-limit.ts';

const CHECK_DEADLINE_MS = 1_500;

/** Wires what the API's handlers need. Temporal is only asked whether it is there: tasks reach it by the outbox. */
export async function createDependencies(
  config: Config,
  database: Database,
  temporal: { client: Client; connection: Connection },
  logger: Logger,
  stopping: AbortSignal,
): Promise<ApiDependencies> {
  const authority = await CertificateAuthority.open(config.EUCORA_DATA_DIR);
  const stores = createStores(database, config);
  const issued = new IssuedCertificates(database.pool, authority.fingerprint);
  const content = await openContentStore(config, (stored) => stores.storedObjects.admit(stored));
  await content.sweep();
  const postgres: Dependency = { name: 'postgres', check: () => database.pool.query('SELECT 1') };
  const temporalCheck: Dependency = {
    name: 'temporal',
    check: () =>
      temporal.connection.withDeadline(Date.now() + CHECK_DEADLINE_MS, () =>
        temporal.client.workflowService.getSystemInfo({}),
      ),
  };
  return {
    config,
    stores,
    authority,
    peers: new PeerVerifier(
      authority.certificatePem,
      (fingerprint) => issued.find(fingerprint),
      parseBlocks(config.EUCORA_TRUSTED_PROXIES),
      logger,
    ),
    content,
    oidc:
      config.EUCORA_OIDC_ISSUER === undefined
        ? undefined
        : new OidcVerifier({
            issuer: config.EUCORA_OIDC_ISSUER,
            audience: config.EUCORA_OIDC_AUDIENCE,
            scopesClaim: config.EUCORA_OIDC_SCOPES_CLAIM,
          }),
    limits: createLimits(config),
    consoleSecret: await readTicketKeys(config),
    temporalNamespace: temporal.client.options.namespace,
    stopping,
    logger,
    metrics: createMetrics(),
    readiness: new ReadinessProbe([postgres, temporalCheck]),
    intakeReadiness: new ReadinessProbe([postgres]),
  };
}
