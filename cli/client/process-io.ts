import { setTimeout as pause } from 'node:timers/promises';
import { type Io, SAME_SIGNAL_MS } from './io.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Fires on the first Ctrl-C; a second one ends the process. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const begin = (): void => {
    interrupted.abort();
    const letGo = (): void => {
      for (const name of SIGNALS) process.off(name, begin);
    };
    setTimeout(letGo, SAME_SIGNAL_MS).unref();
  };
  for (const name of SIGNALS) process.on(name, begin);
  return interrupted.signal;
}

/**
 * The world as a command of this process sees it.
 *
 * @param lasts whether it runs until it is stopped: it then ends in order, and not because whoever read its words is gone
 */
export function processIo(version: string, lasts = false): Io {
  const signal = interruption();
  let endsWithReader = !lasts;
  // A reader that has seen enough (`eucora tasks list | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!endsWithReader) return;
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`Standard output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => undefined);
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    version,
    signal,
    now: Date.now,
    sleep: async (milliseconds) => {
      await pause(milliseconds, undefined, { signal });
    },
    runPlatform: async ({ dataDirectory, sink }) => {
      const { runPlatform } = await import('../platform/command.ts');
      endsWithReader = false;
      return runPlatform({ dataDir: dataDirectory, sink });
    },
  };
}
