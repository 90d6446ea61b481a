import { parseConfig } from '../contracts/config.ts';
import { createLogger } from '../runtime/logger.ts';
import { runMain, stopOnSignals } from '../runtime/process.ts';
import { openClient, temporalSettings } from '../runtime/temporal.ts';
import { startApi } from './server.ts';

runMain(async () => {
  const config = parseConfig(process.env);
  const logger = createLogger('eucora-api', config.EUCORA_LOG_LEVEL);
  const temporal = openClient(temporalSettings(process.env));
  const api = await startApi(config, temporal, logger);
  stopOnSignals(
    logger,
    async () => {
      await api.stop();
      await temporal.connection.close();
    },
    config.EUCORA_EXIT_WITH_PARENT,
  );
  logger.info(
    { operator_port: api.operatorPort, agent_port: api.agentPort, proxy_port: api.proxyPort },
    'The API listens',
  );
});
