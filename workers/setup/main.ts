import { mkdir } from 'node:fs/promises';
import { parseConfig } from '../../contracts/config.ts';
import { createLogger } from '../../runtime/logger.ts';
import { runMain } from '../../runtime/process.ts';
import { openClient, temporalSettings } from '../../runtime/temporal.ts';
import { setUp } from './setup.ts';

runMain(async () => {
  const config = parseConfig(process.env);
  const settings = temporalSettings(process.env);
  await mkdir(config.EUCORA_DATA_DIR, { recursive: true });
  const { client, connection } = openClient(settings);
  try {
    const logger = createLogger('eucora-setup', config.EUCORA_LOG_LEVEL, process.stderr);
    const report = await setUp({ config, client, namespace: settings.namespace, logger });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    await connection.close();
  }
});
