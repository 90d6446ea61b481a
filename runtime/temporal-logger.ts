import { DefaultLogger, type LogLevel } from '@temporalio/worker';
import type { Logger } from './logger.ts';

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Has Temporal's library log into ours: JSON lines like all others. */
export function temporalLogger(logger: Logger): DefaultLogger {
  return new DefaultLogger('INFO', ({ level, message, meta }) => {
    logger[LEVELS[level as LogLevel]]({ ...meta }, message);
  });
}
