import {
  decidePolicy,
  isolationProblem,
  missingTools,
  packagingTools,
  scanDatabaseProblem,
} from '../../packaging/index.ts';
import { runWorkerProcess } from '../worker-process.ts';
import { toolSettings } from './settings.ts';
import { ensureSigningKeys, watchSigningKeys } from './signing-keys.ts';
import { createPackagingWorker } from './worker.ts';

const path = process.env['PATH'] ?? '';

runWorkerProcess(
  {
    name: 'eucora-packaging',
    make: async (parts) => {
      const settings = toolSettings(parts.config, path);
      await ensureSigningKeys({ ...parts, settings });
      void watchSigningKeys({ ...parts, settings });
      const open = await isolationProblem(settings);
      if (open !== undefined) parts.logger.warn(open);
      const missing = await missingTools(settings, parts.config.EUCORA_SCANNER);
      if (missing !== undefined) parts.logger.warn(missing);
      const problem = await scanDatabaseProblem(settings.scan, parts.config.EUCORA_SCANNER);
      if (problem !== undefined) parts.logger.warn(`Packages cannot be scanned yet: ${problem}`);
      return createPackagingWorker({ ...parts, settings, tools: packagingTools, decide: decidePolicy });
    },
  },
  process.env,
);
