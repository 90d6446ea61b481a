import { setTimeout as pause } from 'node:timers/promises';
import type { Io } from './io.ts';

/** The world as a command of this process sees it; the first Ctrl-C fires its signal, a second ends the process. */
export function processIo(version: string): Io {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  // A reader that has seen enough (`eucora tasks list | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    version,
    signal: interrupted.signal,
    now: Date.now,
    sleep: async (milliseconds) => {
      await pause(milliseconds, undefined, { signal: interrupted.signal });
    },
    runPlatform: async ({ dataDirectory, sink }) => {
      const { runPlatform } = await import('../platform/command.ts');
      return runPlatform({ dataDir: dataDirectory, sink });
    },
  };
}
