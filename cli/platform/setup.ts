import { finished } from 'node:stream/promises';
import { runCommand } from '../engines/command.ts';
import { note, type Progress, warn } from '../engines/progress.ts';
import type { Environment } from './environment.ts';
import { openLog, rotateLog } from './logs.ts';
import { assertBuilt } from './node-process.ts';

/** Runs the one-shot setup program; what it prints as JSON on stdout is told. @throws EngineError with its last lines. */
export async function runSetup(options: {
  readonly entry: string;
  readonly env: Environment;
  readonly logFile: string;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  await assertBuilt(options.entry);
  await rotateLog(options.logFile);
  const log = openLog(options.logFile, ({ message }) =>
    warn(options.progress, `setup: its log cannot be written: ${message}`),
  );
  try {
    // Its stdin is closed: with this variable of ours set it would exit at once.
    const { EUCORA_EXIT_WITH_PARENT: _, ...env } = options.env;
    const output = await runCommand(process.execPath, ['--enable-source-maps', options.entry], {
      env,
      signal: options.signal,
      timeoutMs: 180_000,
      onLine: (line) => log.write(`${line}\n`),
    });
    const said = output.trim().split('\n').at(-1) ?? '';
    if (said.startsWith('{')) note(options.progress, `setup: ${said}`);
  } finally {
    log.end();
    await finished(log).catch(() => undefined);
  }
}
