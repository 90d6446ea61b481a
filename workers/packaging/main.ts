import {
  decidePolicy,
  isolationProblem,
  packagingTools,
  scanDatabaseProblem,
} from '../../packaging/index.ts';
import { runWorkerProcess } from '../worker-process.ts';
import { ensureSigningKeys } from './development-keys.ts';
import { toolSettings } from './settings.ts';
import { createPackagingWorker } from './worker.ts';

const path = process.env['PATH'] ?? '';

runWorkerProcess(
  {
    name: 'eucora-packaging',
    make: async (parts) => {
      const settings = toolSettings(parts.config, path);
      await ensureSigningKeys(parts.config, settings, parts.logger, parts.signal);
      const open = await isolationProblem(settings);
      if (open !== undefined) parts.logger.warn(open);
      const problem = await scanDatabaseProblem(settings.scan, parts.config.EUCORA_SCANNER);
      if (problem !== undefined) parts.logger.warn(`Packages cannot be scanned yet: ${problem}`);
      return createPackagingWorker({ ...parts, settings, tools: packagingTools, decide: decidePolicy });
    },
  },
  process.env,
);
