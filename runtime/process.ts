import type { Logger } from './logger.ts';

/** Longest that an orderly stop may take, in milliseconds; then the process ends anyway. */
const STOP_TIMEOUT_MS = 25_000;

/**
 * Stops a process in order on SIGTERM or SIGINT and, when asked to, when its parent goes away.
 *
 * @param stop drains and releases everything; called once
 */
export function stopOnSignals(logger: Logger, stop: () => Promise<void>, exitWithParent: boolean): void {
  let stopping = false;
  const begin = (reason: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'Stopping');
    const overdue = setTimeout(() => {
      logger.error('Did not stop in time');
      process.exit(1);
    }, STOP_TIMEOUT_MS);
    overdue.unref();
    stop().then(
      () => {
        clearTimeout(overdue);
        process.exit(0);
      },
      (error: unknown) => {
        clearTimeout(overdue);
        logger.error({ err: error }, 'Could not stop in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => begin('SIGTERM'));
  process.on('SIGINT', () => begin('SIGINT'));
  if (exitWithParent) {
    process.stdin.on('end', () => begin('the parent process ended'));
    process.stdin.on('error', () => begin('the parent process ended'));
    process.stdin.resume();
  }
}

/** Runs a program's main function; what it throws is told on stderr, and the status is 1. */
export function runMain(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
}
